"""Benchmarks of numgrad with NumPy beside each, for asv; ``peers.py`` prints a table of its own."""
