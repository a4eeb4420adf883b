"""Profiles of de-identification: the built-in one, those of files, and those of the site."""
