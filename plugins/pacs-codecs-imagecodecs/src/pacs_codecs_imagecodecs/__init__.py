"""Codecs of the imagecodecs library, for pacs-framework."""
