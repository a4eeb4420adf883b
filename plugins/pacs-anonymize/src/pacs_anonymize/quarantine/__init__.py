"""Instances that could not be de-identified: kept apart, with the reason, until they can be."""
