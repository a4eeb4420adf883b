"""Unified Procedure Step for pacs-framework: a plugin."""
