"""The index: tables, group commit, migrations."""
