"""Deleting what a destination has committed to keep (rules with ``delete_when_committed``).

Two kinds of jobs do it. One waits until all of a series or a study has arrived (`delivered`), the
next one asks the destination for storage commitment and deletes when every instance is safe there
(`asking`). Whatever speaks against it before the deletion, it does not happen.
"""
