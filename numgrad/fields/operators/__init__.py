"""What users call, one file an operator."""
