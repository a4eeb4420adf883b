"""Counts what an archive holds, by modality."""
