"""The crash and fault campaign, ``make faults``: docs/explanation/durability.md tells of it."""
