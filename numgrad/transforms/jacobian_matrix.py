"""``numgrad.jacobian_matrix``: the Jacobian by several arguments as one matrix."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from numgrad.drivers.positions import positions_of
from numgrad.transforms.callables import Mode
from numgrad.transforms.jacobian import jacobian


def jacobian_matrix(
    f: Callable[..., Any], argnums: int | tuple[int, ...] = 0, mode: Mode = "auto", jit: bool = True
) -> Callable[..., Any]:
    """Return the function that computes a Jacobian as one matrix.

    It has a row for each number of the result, and a column for each number of the arguments that
    are differentiated by, one argument after the other: the form that SciPy asks for.

    Parameters
    ----------
    f : callable
        The function, plain or compiled by ``numba.njit``; it returns a number, an array or a list
        of numbers.
    argnums : int or tuple of ints, optional
        The positions of the arguments to differentiate by, from the last if negative: numbers,
        and arrays of any rank.
    mode : {"auto", "forward", "reverse"}, optional
        See `grad`.
    jit : bool, optional
        Whether to compile `f`, the default; with False it is run in plain Python.

    Returns
    -------
    callable
        A function of the same arguments, for calls from Python, that returns the matrix.

    Raises
    ------
    TypeError, ValueError, DifferentiationError
        As `jacobian`; a TypeError too when called, if `f` returns a tuple or `argnums` names one.

    See Also
    --------
    jacobian : the same, shaped like results and arguments.

    Examples
    --------
    >>> import numpy as np
    >>> import numgrad
    >>> def decay(t, scale, rate):
    ...     return scale * np.exp(-rate * t)
    >>> by_parameters = numgrad.jacobian_matrix(decay, argnums=(1, 2))
    >>> by_parameters(np.array([0.0, 1.0]), 2.0, 0.0)
    array([[ 1.,  0.],
           [ 1., -2.]])
    """
    derive: Any = jacobian(f, argnums, mode=mode, jit=jit)

    def matrix(*args: Any, **keywords: Any) -> Any:
        if keywords:
            bound = inspect.Signature(derive.parameters).bind(*args, **keywords)
            bound.apply_defaults()
            args = bound.args
        positions, single = positions_of(f, argnums, len(args))
        parts = (derive(*args),) if single else derive(*args)
        given = [args[k] for k in positions]
        if any(isinstance(each, tuple) for each in (*parts, *given)):
            raise TypeError("jacobian_matrix is of arrays and numbers, not of tuples of these")
        return np.hstack([rows_of(*pair) for pair in zip(parts, given, strict=True)])

    matrix.__name__ = matrix.__qualname__ = f"jacobian_matrix({getattr(f, '__name__', f)})"
    return matrix


def rows_of(part: Any, argument: Any) -> Any:
    """Return the derivatives by one argument with a row a result."""
    size = int(np.size(argument))
    return np.reshape(part, (np.size(part) // max(size, 1), size))
