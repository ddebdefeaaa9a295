"""The number of reverse mode: a value, and where its adjoint will lie."""
