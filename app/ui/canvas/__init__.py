"""The middle of the window: both views, and how mouse, pen and keys paint on them."""
