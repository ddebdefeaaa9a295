"""The dual number: the table of calculus, and the numbers that follow it."""
