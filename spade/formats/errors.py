"""The one error that a user sees: it names the file, the value and the remedy."""

from __future__ import annotations


class InputError(ValueError):
    """Bad input from the user: a file, a value or a combination of them.

    The message is one line that names the file, the offending value and what to do
    about it. The command line prints it on stderr and exits with code 2; the
    application shows it in a dialog.
    """
