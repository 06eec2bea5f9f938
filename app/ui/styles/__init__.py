"""The style gallery, how much of which style, and pictures on their way to being one."""
