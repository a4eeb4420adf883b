"""Codecs of pydicom's decoder and encoder framework, for pacs-framework."""
