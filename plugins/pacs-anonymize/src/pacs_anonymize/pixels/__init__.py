"""The two options of PS3.15 E.3 that work on pixels: rules for burned-in text, and faces."""
