"""The dual number: a value and its partial derivatives."""
