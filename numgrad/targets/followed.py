"""Functions that derivatives follow by another source than the one that runs without them."""

from collections.abc import Callable
from typing import Any

# By the function: what chooses an implementation by the types of the arguments, as for an overload
# of Numba's. Kernels that know addresses alone are fast, and say nothing of derivatives.
FOLLOWED: dict[Callable[..., Any], Callable[..., Any]] = {}
