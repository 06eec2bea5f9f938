"""File formats shared by the command line and the application: numpy and Pillow, never torch.

Label-map PNGs, palettes, photos, exported pictures, size limits, atomic writes, bundled
files. Every reader raises :class:`spade.formats.errors.InputError` on bad input.
"""
