"""Runnable examples on real data: ``python -m numgrad.examples.NAME``."""
