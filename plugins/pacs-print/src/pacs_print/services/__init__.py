"""Print Management as SCP (PS3.4 Annex H): the SOP classes, and the objects of one association."""
