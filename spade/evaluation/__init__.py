"""How good a model is, on label maps and photos that it never trained on.

One measure a file; :mod:`spade.evaluation.evaluate` puts them together.
"""
