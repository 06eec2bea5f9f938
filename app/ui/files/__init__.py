"""Open, save, export, recent files, autosave and recovery."""
