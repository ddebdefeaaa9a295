"""What runs a twin and gathers the results."""
