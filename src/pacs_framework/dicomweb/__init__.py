"""Other DICOMweb servers (PS3.18): how they are reached, and instances that are sent to them.

What plugins that speak to one have in common. Needs the extra ``web``; nothing of the kernel
imports this room.
"""
