"""``numgrad.derivative``."""

from collections.abc import Callable
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numba import types

from numgrad.drivers.floats import arrays_of_lists
from numgrad.targets import cuda_device
from numgrad.transforms.callables import Mapped
from numgrad.transforms.jacobian import Jacobian, checked_argnums
from numgrad.transforms.made import made, register
from numgrad.transforms.vmap import (
    Targeted,
    check_target,
    may_share,
    numbers_in,
    on_cuda,
)
from numgrad.twin.errors import DifferentiationError, shown
from numgrad.twin.origins import DRIVERS, captured_by

# Hints for the derivative at one of many points: what goes through the points looks for nan.
AT_POINT, CAREFUL = "at a point", "at a point, with care"

NUMBERS = frozenset([float, int, complex, np.float64])  # types of Python's arguments


class Derivative(Targeted, Jacobian):
    """The derivative of a function of numbers, at one point or at all of an array."""

    summary = "the derivative"
    out_argnum = None
    derives_all = True

    def __call__(self, *arguments, **keywords):
        if self._of_numbers is not None and NUMBERS.issuperset(map(type, arguments)):
            try:  # the commonest call of all
                return self._of_numbers(*arguments, **keywords)
            except DifferentiationError as found:
                told, cause = shown(found)
                raise told from cause
        if list in map(type, arguments):
            arguments = arrays_of_lists(arguments, self.taken_as_floats(len(arguments)))
        return super().__call__(*arguments, **keywords)

    def call_on_cuda(self, arguments, out):
        return on_cuda().map_points(self, arguments, out)

    @cached_property
    def _of_numbers(self):
        """What calls from Python with numbers alone run, unless that is on a GPU."""
        return None if self.target == "cuda" else self.entry_point(None)

    def hint(self, arguments):
        if any(isinstance(argument, np.ndarray) for argument in arguments):
            return "parallel" if may_share(max(map(numbers_in, arguments))) else "serial"
        return None

    def item_hint(self, arguments):
        return None

    def _whole(self, count):
        """The arguments that stay whole: tables, of which the function takes items."""
        innermost = self.function
        while innermost in DRIVERS:
            innermost = DRIVERS[innermost].function
        captured = captured_by(innermost.py_func)
        if self.function in DRIVERS:
            return captured
        from numgrad.drivers.positions import positions_of
        from numgrad.drivers.tables import tables_of

        by, _ = positions_of(self.function, self.argnums, count)
        return (tables_of(self.function) | captured) - set(by)

    def _arrays(self, kinds):
        """Return the positions of arrays of points."""
        whole = self._whole(len(kinds))
        return [
            k for k, kind in enumerate(kinds) if isinstance(kind, types.Array) and k not in whole
        ]

    def passed_on(self, kinds):
        arrays = self._arrays(kinds)
        return tuple(kind.dtype if k in arrays else kind for k, kind in enumerate(kinds))

    def inputs_of_results(self, kinds):
        return None if self._arrays(kinds) else super().inputs_of_results(kinds)

    def implementation(self, kinds, out, hint):
        arrays = self._arrays(kinds)
        if not arrays:
            passes = self.passes(kinds, out, careful=hint == CAREFUL)
            if passes.is_watched and not passes.returns_arrays:
                passes.is_watched = hint != AT_POINT and not has_no_limits(passes)
            return passes.implementation()
        at_point = self.driver(AT_POINT)  # a driver of its own: one can't call itself
        careful = None if cuda_device.in_kernel() else self.driver(CAREFUL)
        parallel = hint == "parallel"
        from numgrad.drivers.over_arrays import OverArrays

        return OverArrays(at_point, careful, kinds, arrays, out, parallel).implementation()


def has_no_limits(passes):
    """Whether a derivative by one number is nan only where care would not help."""
    from numgrad.drivers.forward import care

    return passes.dual.count == 1 and care.is_arithmetic(passes.compiled)


def derivative(
    f: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    target: Literal["auto", "cpu", "cuda"] = "auto",
    jit: bool = True,
) -> Mapped:
    """Return the function that computes the derivative of a function of numbers.

    Parameters
    ----------
    f : callable
        The function, plain or compiled by ``numba.njit``; it takes numbers and
        returns a number or a tuple of them. A plain one is compiled.
    argnums : int or tuple of ints, optional
        The positions of the arguments to differentiate by, from the last if negative: floats
        or complex numbers. Whole numbers are taken as floats, lists as arrays.
    target : {"auto", "cpu", "cuda"}, optional
        Where to take the derivatives at the points of arrays: see `vmap`.
    jit : bool, optional
        Whether to compile `f`, the default. With False it is run in plain Python on numbers that
        carry derivatives, for functions that Numba can't compile: slower by far, and the same
        answers.

    Returns
    -------
    callable
        A function of the same arguments that returns the derivative. Where arguments are arrays,
        all of them are broadcast together and the derivative is taken at every point, on several
        threads when there are many; ``out=`` is an array to store it in. Where `f` returns a whole
        number, that is 0. It is called from Python and from compiled code, and can itself be
        differentiated.

    Raises
    ------
    TypeError
        If `f` isn't a function or `argnums` holds no integers; when called, if an argument to
        differentiate by holds no floats
        or ``out`` doesn't fit in number, dtype or rank.
    ValueError
        If `target` is unknown; when called, if there is no argument at one of `argnums`, arrays
        don't broadcast, or ``out`` doesn't fit in shape.
    DifferentiationError
        When called, if something in `f` can't be differentiated: the message names the line.

    See Also
    --------
    grad : for functions of arrays and tuples.
    vmap : where an array must stay whole for each point.

    Notes
    -----
    The method is forward accumulation with dual numbers [1]_: exact but for rounding. Comparisons
    and branches are decided by values alone.
    A complex function of a real variable, and a holomorphic function of a complex one, have complex
    derivatives.

    References
    ----------
    .. [1] A. Griewank and A. Walther, "Evaluating Derivatives", 2nd edition, SIAM (2008),
       chapters 3 and 6.

    Examples
    --------
    >>> import numpy as np
    >>> import numgrad
    >>> def cubic(x):
    ...     return 5.0 * x**3 + 2.0 * x**2 + 4.0 * x + 8.0
    >>> slope = numgrad.derivative(cubic)
    >>> slope(2.0)
    72.0
    >>> slope(np.array([0.0, 1.0, 2.0]))
    array([ 4., 23., 72.])
    >>> numgrad.derivative(slope)(2.0)
    64.0
    """
    check_target(target)
    return made(Derivative, f, checked_argnums(argnums), target, jit=jit)


register(derivative, Derivative)
