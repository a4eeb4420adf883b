"""STOW-RS: instances stored over HTTP (PS3.18 10.5), by the same door as C-STORE."""
