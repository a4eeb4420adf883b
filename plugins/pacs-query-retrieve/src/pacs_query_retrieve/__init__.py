"""C-FIND, C-MOVE and C-GET: the query/retrieve service class as SCP (PS3.4 Annex C)."""
