"""Structured reports as they are read: HTML and plain text (PS3.3 A.35, C.17; PS3.18 8.7.4).

`reading` walks through the content tree, `values` says each value in words, and `html` and `plain`
write what was found. Everything is told in the order of the report; nothing is left out silently.
"""
