"""Numbers that carry something along: the protocol, and one folder a number."""
