"""Instances stored in another transfer syntax than they arrive in."""
