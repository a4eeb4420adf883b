"""The contract suites: one class to inherit, one fixture to give, capabilities to declare.

Import a suite from its module, `storage`, `service` or `index`: each needs other parts of the
kernel.
"""
