"""The images of a series as a volume, or the reason why they are none."""
