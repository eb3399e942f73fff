"""Breakout rooms, all at once: see `__main__`."""
