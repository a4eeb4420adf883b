"""Printing what is stored: by rules, when a series is complete, or by hand."""
