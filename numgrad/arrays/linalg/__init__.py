"""NumPy's linear algebra on matrices of numbers."""
