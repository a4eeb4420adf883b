"""Softcopy presentation states: how somebody wants images to be seen (PS3.4 Annex N, PS3.3 A.33).

What a state says takes the place of what the image says of itself, and what it does not say is the
identity: nothing of the image is used instead (PS3.4 N.2). `state` is what a state says of all its
images, `drawing` draws a frame by it; the other modules are one step of that each.
"""
