"""The way back: what returns with a pseudonym gets its patient again, for those who may."""
