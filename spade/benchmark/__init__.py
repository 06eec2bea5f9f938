"""Measuring the engine beside the plain network: ``spadework bench`` and tests/bench use it."""
