"""How Numba calls an entry of the table on any number."""
