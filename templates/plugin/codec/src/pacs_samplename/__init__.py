"""Deflated Image Frame Compression: each frame is a stream of RFC 1951."""
