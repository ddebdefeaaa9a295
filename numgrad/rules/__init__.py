"""The calculus: what every function is, and its slopes."""

from numgrad.rules import table  # noqa: F401 - the registry is never without its table
