"""Instances sent on by rules: to whom, when, and never lost on the way."""
