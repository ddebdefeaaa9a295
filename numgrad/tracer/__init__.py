"""The tracer: a plain Python function run on numbers that remember where they come from."""
