"""The training window: a dataset is checked, a model chosen, and its training watched."""
