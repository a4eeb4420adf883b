"""Backups: index and tables of plugins in a form of their own, and copies of the objects."""
