"""``numgrad.hessian``."""

from collections.abc import Callable
from typing import Any

from numgrad.transforms.jacobian import Jacobian, checked_argnums
from numgrad.transforms.transform import made, register
from numgrad.transforms.widths import FEWEST


class Hessian(Jacobian):
    """The derivatives of the derivatives."""

    summary = "the Hessian"
    widest = FEWEST  # partials, each of which has partials of its own: more pay for idle ones

    def __init__(self, function, argnums):
        super().__init__(Jacobian(function, argnums, None), argnums)
        self.original = self.__wrapped__ = function
        self.__name__ = self.__qualname__ = self.label()

    @property
    def out_argnum(self):
        return None


def hessian(
    f: Callable[..., Any], argnums: int | tuple[int, ...] = 0, jit: bool = True
) -> Callable[..., Any]:
    """Return the function that computes the second derivatives of a function.

    Parameters
    ----------
    f : callable
        The function, plain or compiled by ``numba.njit``; it returns a number, an
        array, or a tuple of these. A plain one is compiled.
    argnums : int or tuple of ints, optional
        The positions of the arguments to differentiate by, from the last if negative: see
        `jacobian`.
    jit : bool, optional
        Whether to compile `f`, the default. With False it is run in plain Python on numbers that
        carry derivatives, for functions that Numba can't compile: slower by far, and the same
        answers.

    Returns
    -------
    callable
        A function of the same arguments that returns the Hessian: an array of shape ``f(x).shape +
        x.shape + x.shape``. If `argnums` is a tuple, it is a tuple of tuples: entry ``[i][j]`` is
        the derivative by argument ``i`` and then ``j``. With ``out=``, the arrays of the result
        are stored there. It is called from Python and from compiled code, and
        can itself be differentiated.

    Raises
    ------
    TypeError, ValueError, DifferentiationError
        As `jacobian`.

    See Also
    --------
    hvp : the Hessian times a vector, never forming the Hessian.

    Notes
    -----
    It is the Jacobian of the Jacobian: dual numbers whose values and partials are dual numbers.

    Examples
    --------
    >>> import numpy as np
    >>> import numgrad
    >>> numgrad.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    return made(Hessian, f, checked_argnums(argnums), jit=jit)


register(hessian, Hessian)
