"""Judges instances as they arrive: what they must have, and what is filled in."""
