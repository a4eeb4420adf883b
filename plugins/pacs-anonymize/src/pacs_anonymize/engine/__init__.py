"""The engine: data sets de-identified by PS3.15 Annex E, fast, and never half.

A profile says what happens to which attribute (`profile`, `options`), the table of the standard is
data (`table`), `plan` makes one look-up per tag of both, and `run` walks a data set by it. The rest
are the replacements: pseudonyms, dates, words, codes, graphics, documents.
"""
