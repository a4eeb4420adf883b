"""Pseudonyms that a site gives itself: a table instead of the key, for patients alone."""
