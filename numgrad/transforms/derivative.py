"""``numgrad.derivative``."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numba import types

from numgrad.drivers import chunks, layouts
from numgrad.drivers.floats import arrays_of_lists
from numgrad.drivers.forward import care
from numgrad.drivers.mapping import Mapping
from numgrad.drivers.positions import positions_of
from numgrad.drivers.scratch import scratch
from numgrad.drivers.structure import argument, leaves, mapped, source_of, structure_of
from numgrad.drivers.tables import tables_of
from numgrad.targets import cuda_device
from numgrad.targets.options import internal_njit
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
from numgrad.twin.origins import DRIVERS, captured_by
from numgrad.twin.source import Body, function_of

# Hints for the derivative at one of many points: what goes through the points looks for nan.
AT_POINT, CAREFUL = "at a point", "at a point, with care"


class Derivative(Targeted, Jacobian):
    """The derivative of a function of numbers, at one point or at all of an array."""

    summary = "the derivative"
    out_argnum = None
    derives_all = True

    def __call__(self, *arguments, **keywords):
        if list in map(type, arguments):
            arguments = arrays_of_lists(arguments, self.taken_as_floats(len(arguments)))
        return super().__call__(*arguments, **keywords)

    def call_on_cuda(self, arguments, out):
        return on_cuda().map_points(self, arguments, out)

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
        return OverArrays(at_point, careful, kinds, arrays, out, parallel).implementation()


def has_no_limits(passes):
    """Whether a derivative by one number is nan only where care would not help."""
    return passes.dual.count == 1 and care.is_arithmetic(passes.compiled)


class OverArrays:
    """The source of a derivative at all points of arrays, broadcast together."""

    def __init__(self, at_point, careful, kinds, arrays, out, parallel):
        self.arrays = arrays
        self.kinds = kinds
        self.ndim = max(kinds[k].ndim for k in arrays)
        self.out_kind = out
        self.out = [] if out is None else leaves(structure_of("out", out))
        self.in_place = bool(self.out) and all(
            place.is_array and place.kind.layout == "C" for place in self.out
        )
        lines = [line_of(kind) if k in arrays else kind for k, kind in enumerate(kinds)]
        axes = [0 if k in arrays else None for k in range(len(kinds))]
        flat_out = lines_of(out) if self.in_place else None
        new = chunks.allocate if out is None else scratch
        self.mapping = Mapping(
            at_point, lines, axes, flat_out, parallel=parallel, new=new, careful=careful
        )
        self.names = {
            "run": internal_njit(
                function_of("run", "arguments, out", self.mapping.implementation())
            ),
            "flat": chunks.flat,
            "shaped": chunks.shaped,
            "check_shape": chunks.check_shape,
            "check_distinct": layouts.check_distinct,
            "in_line": chunks.in_line,
            "new": new,
            "size": size_of_shape,
            "broadcast": chunks.broadcast,
            "together": together,
        }

    def implementation(self):
        """Return the body of a function of ``arguments`` and ``out``."""
        lines = [f"shape = {self._shape()}"]
        for k in self.arrays:
            lines += self._line(k)
        for place in self.out:
            lines.append(f"check_shape({place.expression}.shape, shape)")
            if place.is_array and place.kind.layout == "A" and place.kind.ndim:
                lines.append(f"check_distinct({place.expression})")
        arguments = "".join(
            f"x{k}, " if k in self.arrays else f"{argument(k)}, " for k in range(len(self.kinds))
        )
        flat_out = source_of(mapped(lambda leaf: f"flat({leaf.expression})", self._out_structure()))
        lines += [f"results = run((None, {arguments}), {flat_out})", *self._returned()]
        return Body(lines, self.names)

    def _shape(self):
        """Return the source of the shape that all arrays broadcast to."""
        if len(self.arrays) == 1:
            return f"{argument(self.arrays[0])}.shape"
        lengths = ["1"] * self.ndim
        for k in self.arrays:
            lacking = self.ndim - self.kinds[k].ndim
            for axis in range(self.kinds[k].ndim):
                length = f"{argument(k)}.shape[{axis}]"
                lengths[lacking + axis] = f"together({lengths[lacking + axis]}, {length})"
        return f"({', '.join(lengths)},)" if lengths else "()"

    def _out_structure(self):
        return structure_of("out", self.out_kind) if self.in_place else None

    def _line(self, k):
        """Return the source of one array's numbers in the common shape, as one dimension."""
        kind, array = self.kinds[k], argument(k)
        self.names[f"element{k}"] = kind.dtype
        copied = f"in_line({{}}, new((size(shape),), element{k}))"
        broadcast = copied.format(f"broadcast({array}, shape)")
        if len(self.arrays) == 1:
            return [f"x{k} = {f'flat({array})' if kind.layout == 'C' else copied.format(array)}"]
        if kind.layout != "C" or kind.ndim < self.ndim or not kind.mutable:
            return [f"x{k} = {broadcast}"]
        return [
            f"if {array}.shape == shape:",
            f"    x{k} = flat({array})",
            "else:",
            f"    x{k} = {broadcast}",
        ]

    def _returned(self):
        """Return the source of the results in the common shape."""
        if self.in_place:
            return ["return out"]
        names = mapped(self._in_shape, self.mapping.structure)
        if not self.out:
            return [f"return {source_of(names)}"]
        copies = [
            f"{place.expression}[...] = {name}"
            for place, name in zip(self.out, leaves(names), strict=True)
        ]
        return [*copies, "return out"]

    def _in_shape(self, leaf):
        """Return the source of a result; the axes of one that is an array at a point come last."""
        result = leaf.expression.replace("item", "results", 1)
        return f"shaped({result}, shape{f' + {result}.shape[1:]' if leaf.is_array else ''})"


@internal_njit
def together(length, other):
    """Return the length of an axis of two arrays that are broadcast."""
    if length != other and length != 1 and other != 1:
        raise ValueError("the arrays have shapes that can't be broadcast to one")
    return other if length == 1 else length


@internal_njit
def size_of_shape(shape):
    """The number of elements of an array of a shape."""
    size = 1
    for length in shape:
        size *= length
    return size


def line_of(array):
    """Return the type of an array's elements as one contiguous dimension."""
    return types.Array(array.dtype, 1, "C", readonly=not array.mutable, aligned=array.aligned)


def lines_of(kind):
    """Return the type of arrays in tuples, each as one contiguous dimension."""
    if isinstance(kind, types.BaseTuple):
        return types.Tuple([lines_of(item) for item in kind.types])
    return line_of(kind)


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
