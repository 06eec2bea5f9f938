"""The classes to paint with."""
