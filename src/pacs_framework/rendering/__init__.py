"""Stored images made visible: frames read, turned into 8-bit pictures, written as PNG and JPEG.

The grayscale pipeline is that of PS3.4 N.2: modality, VOI and presentation, in this order. Reading
(`opening`, `frames`, `video`, `documents`) needs nothing but the kernel; whatever touches samples
needs NumPy, and what writes pictures needs Pillow: both come with the extra ``render``.
"""
