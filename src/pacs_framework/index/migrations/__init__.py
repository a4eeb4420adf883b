"""How the tables of the index came to be, step by step; run by `pacs_framework.index.migrate`."""
