"""The client of the bench: prepared bytes over plain sockets, in a process of its own."""
