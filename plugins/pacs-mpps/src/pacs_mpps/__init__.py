"""Modality Performed Procedure Step (PS3.4 Annex F): what modalities tell of their work."""
