"""Reverse mode: one call of the twin, which writes a tape, and sweeps over it."""
