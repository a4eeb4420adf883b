"""Data on the move: header scan, Part 10, UIDs, character sets, matching."""
