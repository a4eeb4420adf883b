"""The vault: which original each pseudonym stands for, encrypted, for those who may know.

It is a database of its own, never the index. Every reading is written into its audit trail first.
"""
