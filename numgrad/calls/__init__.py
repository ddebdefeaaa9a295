"""Calls of the entries of the table on any number, by Numba."""
