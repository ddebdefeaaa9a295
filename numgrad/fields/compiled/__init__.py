"""The operators inside compiled code."""
