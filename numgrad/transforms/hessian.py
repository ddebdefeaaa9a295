"""``numgrad.hessian``."""

import inspect
from collections.abc import Callable
from functools import cached_property
from typing import Any

from numgrad.drivers.forward.widths import FEWEST
from numgrad.drivers.modes import FORWARD, REVERSE, checked_mode
from numgrad.drivers.structure import leaves, structure_of
from numgrad.drivers.transform import compiled
from numgrad.targets import cuda_device
from numgrad.targets.options import internal_njit
from numgrad.transforms.callables import Derived, Mode, P
from numgrad.transforms.jacobian import Jacobian, checked_argnums
from numgrad.transforms.made import made, register
from numgrad.twin.source import Body, function_of


class LaterJacobian(Jacobian):
    """The derivatives by the inputs from one on, whose number comes before the arguments."""

    counts_outputs = False

    def __init__(self, function, *settings):
        super().__init__(function, *settings)
        names = {p.name for p in self.parameters}
        name = next(name for k in range(len(names) + 1) if (name := f"begin_{k}") not in names)
        begin = inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        self.parameters = [begin, *self.parameters]

    def method(self, kinds):
        from numgrad.drivers.forward.second import LaterPasses

        return LaterPasses, self.function

    def written(self, kinds):
        return frozenset(k + 1 for k in super().written(kinds))

    def passed_on(self, kinds):
        return kinds[1:]

    def taken_as_floats(self, count):
        return ()  # the Hessian has taken them so

    def implementation(self, kinds, out, hint):
        passes = self.passes(kinds[1:], out)
        run = internal_njit(function_of("run", "begin, arguments, out", passes.implementation()))
        return Body(["return run(arguments[1], arguments[:1] + arguments[2:], out)"], {"run": run})


class Hessian(Jacobian):
    """The derivatives of the derivatives."""

    counts_outputs = False
    summary = "the Hessian"
    widest = FEWEST  # partials, each of which has partials of its own: more pay for idle ones
    forward_up_to = FEWEST

    @cached_property
    def function(self):
        """The function to differentiate once more: the first derivatives."""
        return Jacobian(self.original, self.argnums, None, FORWARD).driver()

    @cached_property
    def half(self):
        return LaterJacobian(self.original, self.argnums, None, FORWARD).driver()

    @cached_property
    def backward(self):
        return Jacobian(self.original, self.argnums, None, REVERSE).driver()

    @property
    def out_argnum(self):
        return None

    def reverse_method(self, kinds):
        """Rows of the Hessian: forward passes over the call and the sweep of reverse mode."""
        from numgrad.drivers.forward.results import JacobianPasses

        return JacobianPasses, self.backward

    @property
    def primal(self):
        return compiled(self.original)

    def inputs_of_results(self, kinds):
        inputs = super().inputs_of_results(kinds)
        return [first + second for first in inputs for second in inputs]

    def method(self, kinds):
        from numgrad.drivers.forward.second import HessianPasses

        return (HessianPasses, self.half) if self._has_mirror(kinds) else super().method(kinds)

    def _has_mirror(self, kinds):
        """Whether half of the Hessian tells all: all inputs are of one type, in arrays."""
        from numgrad.drivers.positions import positions_of

        positions, _ = positions_of(self.function, self.argnums, len(kinds))
        inputs = [
            leaf for position in positions for leaf in leaves(structure_of("", kinds[position]))
        ]
        arrays = all(leaf.is_array for leaf in inputs) and not cuda_device.in_kernel()
        return arrays and len({leaf.element for leaf in inputs}) == 1


def hessian(
    f: Callable[P, Any],
    argnums: int | tuple[int, ...] = 0,
    mode: Mode = "auto",
    jit: bool = True,
) -> Derived[P, Any]:
    """Return the function that computes the second derivatives of a function.

    Parameters
    ----------
    f : callable
        The function, plain or compiled by ``numba.njit``; it returns a number, an
        array, or a tuple of these. A plain one is compiled.
    argnums : int or tuple of ints, optional
        The positions of the arguments to differentiate by, from the last if negative: see
        `jacobian`.
    mode : {"auto", "forward", "reverse"}, optional
        How to differentiate the first time: the second time is forward. "auto", the default, goes
        backward by many inputs of a function that returns a number: a pass then computes some rows
        at the cost of a gradient. See `grad`.
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
    It is the Jacobian of the Jacobian: dual numbers whose values and partials are dual numbers. By
    arrays, one half of it is computed and the other mirrored. In reverse mode the gradient is by
    reverse accumulation, over dual numbers.

    Examples
    --------
    >>> import numpy as np
    >>> import numgrad
    >>> numgrad.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    return made(Hessian, f, checked_argnums(argnums), checked_mode(mode), jit=jit)


register(hessian, Hessian)
