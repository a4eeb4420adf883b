"""Tells of a study whether it is there: a small DIMSE service of its own."""
