"""Drivers: they run a twin and harvest the results."""
