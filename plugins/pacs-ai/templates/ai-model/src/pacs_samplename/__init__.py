"""Finds bone on CT: a segmentation, and its volume."""
