"""WADO-RS: instances, frames, bulk data and metadata given out (PS3.18 10.4)."""
