"""Theme, icons, and arrays as Qt pictures."""
