"""Modality procedure steps by HTTP (PS3.18 chapters 14 and 15), where plugins keep them."""
