"""C-FIND, C-MOVE and C-GET."""
