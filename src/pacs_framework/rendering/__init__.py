"""Stored images made visible: frames read, turned into 8-bit pictures, written as PNG and JPEG.

The grayscale pipeline is that of PS3.4 N.2: modality, VOI and presentation, in this order, by the
header of an image or by a presentation state (`presentation`). Structured reports become text
(`reports`). Reading (`opening`, `frames`, `video`, `documents`, `reports`) needs nothing but the
kernel; whatever touches samples needs NumPy, and what writes pictures needs Pillow: both come with
the extra ``render``.
"""
