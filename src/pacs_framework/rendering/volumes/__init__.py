"""Frames that make a volume, and views of it (PS3.3 C.11.23.1, C.11.26, C.11.30; PS3.4 FF.2).

`assembling` stacks frames, `volume` tells the value at any place of the patient, `camera` says from
where it is looked at, `projecting` makes a plane of values or a picture of it, and `spanning` tells
which values are black and white where nobody says so.
"""
