"""``numgrad.grad`` and ``numgrad.value_and_grad``."""

from collections.abc import Callable
from typing import Any

from numgrad.drivers.modes import checked_mode
from numgrad.transforms.callables import Derived, Mode, P, R
from numgrad.transforms.jacobian import Jacobian, checked_argnums
from numgrad.transforms.made import made, register


class Grad(Jacobian):
    """The derivatives of a real number by every input."""

    counts_outputs = False
    summary = "the gradient"
    must_be_real = True
    derives_all = True


class Backward(Grad):
    """The gradient by reverse mode, or by forward mode if it can't be written on a tape."""

    def chosen_passes(self, kinds, out, hint):
        return self._reverse_passes(kinds, out) or self.passes(kinds, out)


class ValueAndGrad(Grad):
    """The number, and its derivatives by every input."""

    summary = "the value and the gradient"
    with_value = True


def grad(
    f: Callable[P, Any], argnums: int | tuple[int, ...] = 0, mode: Mode = "auto", jit: bool = True
) -> Derived[P, Any]:
    """Return the function that computes the gradient of a real-valued function.

    Parameters
    ----------
    f : callable
        The function, plain or compiled by ``numba.njit``; it returns one real number. A plain one
        is compiled.
    argnums : int or tuple of ints, optional
        The positions of the arguments to differentiate by, from the last if negative: floats,
        complex numbers, arrays of them of any rank, and tuples of all these. Whole numbers are
        taken as floats, lists as arrays.
    mode : {"auto", "forward", "reverse"}, optional
        Forward mode makes passes that carry some inputs each; reverse mode calls `f` once, writes
        down the partial derivatives of all operations, and sweeps back over them: the derivatives
        by all inputs take a few times as long as `f`, and memory in proportion to its operations.
        "auto", the default, goes backward where forward mode would make more than one pass. The
        environment variable ``NUMGRAD_MODE`` sets another meaning of "auto".
    jit : bool, optional
        Whether to compile `f`, the default. With False it is run in plain Python on numbers that
        carry derivatives, for functions that Numba can't compile: slower by far, and the same
        answers.

    Returns
    -------
    callable
        A function of the same arguments that returns the gradient, shaped like the argument: a
        number, an array, or a tuple. If `argnums` is a tuple, it returns a tuple of these. With
        ``out=``, the arrays of the result are stored there, and nothing is allocated but by `f`. It
        is called from Python and from compiled code, and can itself be differentiated.

    Raises
    ------
    TypeError
        If `f` isn't a function or `argnums` holds no integers; when called, if an argument to
        differentiate by holds no floats, `f` returns anything
        but a real number, or ``out`` doesn't fit in number, dtype or rank.
    ValueError
        When called, if there is no argument at one of `argnums`, or ``out`` doesn't fit in shape.
        At once, if `mode` is none of the three.
    MemoryError
        When called, if reverse mode would take more memory than there may be.
    DifferentiationError
        When called, if something in `f` can't be differentiated: the message names the line.

    See Also
    --------
    value_and_grad : the value of `f` with it.
    jacobian : for functions with more than one result.
    derivative : for functions of numbers, over arrays of points.

    Notes
    -----
    The methods are forward accumulation with dual numbers and reverse accumulation with a tape
    [1]_: exact but for rounding. Comparisons and branches are decided by values alone.
    A forward pass carries as many inputs as fill four vector registers; a function of ``n`` inputs
    takes ``n`` over that number of passes.

    References
    ----------
    .. [1] A. Griewank and A. Walther, "Evaluating Derivatives", 2nd edition, SIAM (2008),
       chapters 3 and 6.

    Examples
    --------
    >>> import numpy as np
    >>> import numgrad
    >>> def rosenbrock(x):
    ...     total = 0.0
    ...     for i in range(x.size - 1):
    ...         total += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    ...     return total
    >>> numgrad.grad(rosenbrock)(np.array([1.0, 2.0, 3.0]))
    array([-400., 1002., -200.])

    By two arguments, one of them a tuple:

    >>> def energy(mass, velocity):
    ...     return 0.5 * mass * (velocity[0] ** 2 + velocity[1] ** 2)
    >>> numgrad.grad(energy, argnums=(0, 1))(2.0, (3.0, 4.0))
    (12.5, (6.0, 8.0))
    """
    return made(Grad, f, checked_argnums(argnums), checked_mode(mode), jit=jit)


def value_and_grad(
    f: Callable[P, R], argnums: int | tuple[int, ...] = 0, mode: Mode = "auto", jit: bool = True
) -> Derived[P, tuple[R, Any]]:
    """Return the function that computes a real-valued function and its gradient.

    Parameters
    ----------
    f : callable
        The function, plain or compiled by ``numba.njit``; it returns one real number. A plain one
        is compiled.
    argnums : int or tuple of ints, optional
        The positions of the arguments to differentiate by, from the last if negative: see `grad`.
    mode : {"auto", "forward", "reverse"}, optional
        See `grad`.
    jit : bool, optional
        Whether to compile `f`, the default. With False it is run in plain Python on numbers that
        carry derivatives, for functions that Numba can't compile: slower by far, and the same
        answers.

    Returns
    -------
    callable
        A function of the same arguments that returns the value of `f` and the gradient. With
        ``out=``, the arrays of the gradient are stored there. It is called from Python and from
        compiled code, and can itself be differentiated.

    Raises
    ------
    TypeError, ValueError, DifferentiationError
        As `grad`.

    See Also
    --------
    grad : the gradient alone.

    Notes
    -----
    The value costs nothing: every pass computes it, and so does reverse mode.

    Examples
    --------
    >>> import numpy as np
    >>> import numgrad
    >>> numgrad.value_and_grad(lambda x: x[0] * np.exp(x[1]))(np.array([2.0, 0.0]))
    (2.0, array([1., 2.]))
    """
    return made(ValueAndGrad, f, checked_argnums(argnums), checked_mode(mode), jit=jit)


register(grad, Grad)
register(value_and_grad, ValueAndGrad)


def backward(f: Any, argnums: int = 0, mode: Mode = "reverse") -> Any:
    return made(Backward, f, argnums, mode)


Backward.maker = staticmethod(backward)
