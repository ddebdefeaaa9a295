"""NumPy's functions on arrays of numbers, by the chapters of its manual."""
