"""Functions in, derivative functions out."""
