"""Compressed pixel data: the contract of codecs, and data sets turned from one syntax to another.

A codec knows single frames only; here is everything around them: fragments, offset tables, and the
attributes that say what the pixels are (PS3.5 A.4, PS3.3 C.7.6.3).
"""
