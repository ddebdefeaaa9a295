"""Samples in, derivatives of the samples out."""
