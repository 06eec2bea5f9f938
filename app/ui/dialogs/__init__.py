"""Dialogs and questions; none of them blocks the event loop."""
