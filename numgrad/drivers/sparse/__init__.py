"""Sparse derivatives: patterns, colourings, compressed passes."""
