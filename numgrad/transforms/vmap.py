"""``numgrad.vmap``, and the loop over items that ``derivative`` shares with it."""

import inspect
import re
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Literal

import numba
from numba import get_num_threads, prange, types

from numgrad.duals.numba_rules import OPTIONS, part
from numgrad.targets.choose import TARGETS, thread_count
from numgrad.targets.cuda_arrays import is_on_device
from numgrad.transforms import care, chunks
from numgrad.transforms.optionals import has_optional
from numgrad.transforms.passes import check_place, overload_of, return_type
from numgrad.transforms.scratch import scratch
from numgrad.transforms.source import Body, function_of
from numgrad.transforms.structure import (
    argument,
    is_integer,
    leaves,
    mapped,
    source_of,
    structure_of,
)
from numgrad.transforms.transform import Transform, made, register
from numgrad.transforms.twin import DRIVERS, twin_of

# Numbers in and out of all items, above which the items are shared among threads.
PARALLEL_NUMBERS = 1 << 14


class Mapping:
    """The source of a loop over items, for arguments of given types."""

    def __init__(
        self, function, kinds, in_axes, out, *, parallel, new=chunks.allocate, careful=None
    ):
        self.function = function if function in DRIVERS else twin_of(function)
        self.careful = careful  # what to call for an item whose derivatives are nan
        self.kinds = kinds
        self.in_axes = in_axes
        self.parallel = parallel
        self.names = {
            "function": self.function,
            "allocate": new,
            "one_by_one": chunks.one_by_one,
        }
        self.lines = []
        self.mapped = [
            leaf
            for position, kind in enumerate(kinds)
            if in_axes[position] is not None
            for leaf in leaves(structure_of(argument(position), kind))
        ]
        self._check()
        self.items = [self._item_kind(*pair) for pair in zip(kinds, in_axes, strict=True)]
        self.returned = return_type(self.function, self.items)
        self.structure = structure_of("item", self.returned)
        if has_optional(self.returned):
            raise TypeError(
                f"what is mapped returns {self.returned}: for an array of items it must return the "
                "same for each, and None for none or all of them"
            )
        self.places = None if out is None else self._checked_out(out)

    def _check(self):
        if not any(leaf.is_array for leaf in self.mapped):
            raise TypeError(
                "vmap needs an array to go through: none of the arguments that in_axes names is one"
            )
        for leaf in self.mapped:
            if not leaf.is_array or leaf.kind.ndim == 0:
                raise TypeError(
                    f"vmap can't go through {leaf.expression}, which is {leaf.kind} and not an "
                    "array with an axis: give it None in in_axes"
                )

    def _item_kind(self, kind, axis):
        if axis is None:
            return kind
        if isinstance(kind, types.BaseTuple):
            return types.Tuple([self._item_kind(item, axis) for item in kind.types])
        if kind.ndim == 1:
            return kind.dtype
        layout = "C" if kind.layout == "C" and axis == 0 else "A"
        return types.Array(
            kind.dtype, kind.ndim - 1, layout, readonly=not kind.mutable, aligned=kind.aligned
        )

    def _item(self, position, index):
        """Return the source of an argument's item."""
        axis, kind = self.in_axes[position], self.kinds[position]
        if axis is None:
            return argument(position)
        structure = structure_of(argument(position), kind)
        return source_of(mapped(lambda leaf: self._part(leaf, axis, index), structure))

    def _part(self, leaf, axis, index):
        before = ":, " * (axis % leaf.kind.ndim)
        rest = ", :" * (leaf.kind.ndim - 1 - axis % leaf.kind.ndim)
        return f"{leaf.expression}[{before}{index}{rest}]"

    def _call(self, index, out=""):
        items = ", ".join(self._item(position, index) for position in range(len(self.kinds)))
        return f"function({items}{out})"

    def _results(self):
        return leaves(self.structure)

    def _checked_out(self, out):
        places, results = leaves(structure_of("out", out)), self._results()
        if len(places) != len(results):
            raise TypeError(
                f"out must hold {len(results)} array{'s' if len(results) != 1 else ''}, one for "
                f"each result, and not be {out}"
            )
        for place, leaf in zip(places, results, strict=True):
            rank = 1 + (leaf.kind.ndim if leaf.is_array else 0)
            check_place(place, leaf.element, rank)
        return places

    def implementation(self):
        """Return the body of a function of ``arguments`` and ``out``."""
        run, count = self._block(), len(self._results())
        lines = self._count() + self._allocation()
        lines += [f"run(arguments, ({', '.join(f'r{k}' for k in range(count))},), count)"]
        lines += [f"bring({place.expression}, r{k})" for k, place in enumerate(self.places or ())]
        names = iter(range(count))
        result = source_of(mapped(lambda _: f"r{next(names)}", self.structure))
        lines += [f"return {result if self.places is None else 'out'}"]
        names = {"run": run, "check_shape": chunks.check_shape, "bring": chunks.bring}
        return Body(lines, self.names | names)

    def _count(self):
        """Return the source of the number of items, the same along every axis."""
        first, *others = [f"{leaf.expression}.shape[{self._axis_of(leaf)}]" for leaf in self.mapped]
        return [f"count = {first}"] + [
            line
            for other in others
            for line in (
                f"if {other} != count:",
                "    raise ValueError('vmap: the arrays have different lengths along their axes')",
            )
        ]

    def _axis_of(self, leaf):
        position = int(leaf.expression.split("[")[1].rstrip("]")) - 1
        return self.in_axes[position] % leaf.kind.ndim

    def _allocation(self):
        lines, fills = [], self.places is not None and fills_arrays(self.function, self._results())
        if fills and not self.parallel:  # what stores the results of an item looks at their shapes
            return [
                line
                for k, place in enumerate(self.places)
                for line in (
                    f"check_shape({place.expression}.shape[0], count)",
                    f"r{k} = {self._in_place(place)}",
                )
            ]
        if any(leaf.is_array for leaf in self._results()):
            lines = [
                "if count == 0:",
                "    raise ValueError('vmap: no items, so the shape of a result is not known')",
                f"item = {self._call('0')}",
            ]
        for k, leaf in enumerate(self._results()):
            shape = "(count,)" + (f" + {leaf.expression}.shape" if leaf.is_array else "")
            if self.places is not None:
                place = self.places[k]
                lines += [
                    f"check_shape({place.expression}.shape, {shape})",
                    f"r{k} = {self._in_place(place)}",
                ]
            else:
                self.names[f"element{k}"] = leaf.element
                lines += [f"r{k} = allocate({shape}, element{k})"]
        return lines

    def _in_place(self, place):
        """Return the source of the array to fill: the caller's if no other item is read from it."""
        self.names |= {"apart": chunks.apart, "in_step": chunks.in_step, "scratch": scratch}
        self.names[f"element_of_{place.element}"] = place.element
        tests = [
            f"apart({place.expression}, ({leaf.expression},))"
            + (f" or in_step({place.expression}, {leaf.expression})" if axis == 0 else "")
            for position, axis in enumerate(self.in_axes)
            for leaf in leaves(structure_of(argument(position), self.kinds[position]))
            if leaf.is_array
        ]
        other = f"scratch({place.expression}.shape, element_of_{place.element})"
        free = " and ".join(f"({test})" for test in tests)
        return f"{place.expression} if {free} else {other}"

    def _item_into_results(self):
        """Return the source that computes an item and takes its results to their places."""
        results = self._results()
        if fills_arrays(self.function, results):
            places = iter(f"results[{k}][k]" for k in range(len(results)))
            into = source_of(mapped(lambda _: next(places), self.structure))
            return [self._call("k", f", out={into}")]
        stores = [f"results[{k}][k] = {leaf.expression}" for k, leaf in enumerate(results)]
        return [f"item = {self._call('k')}", *stores]

    def _block(self):
        """Return the loop over items, serial or shared among threads."""
        lines = ["lacking = False", "for k in range(first, last):"]
        if calls_library(self.function, self.items):
            lines += ["    one_by_one()"]
        lines += [f"    {line}" for line in self._item_into_results()]
        if self.careful is not None:
            lines += self._with_care()
        body = Body(lines, self.names)
        block = part(function_of("block", "arguments, results, first, last", body))
        if not self.parallel:
            return part(lambda arguments, results, count: block(arguments, results, 0, count))

        def shared(arguments, results, count):
            threads = get_num_threads()
            for thread in prange(threads):
                block(
                    arguments,
                    results,
                    count * thread // threads,
                    count * (thread + 1) // threads,
                )

        return numba.njit(shared, parallel=True, **OPTIONS)

    def _with_care(self):
        """Return the source that computes items again whose derivatives are nan, and end the loop.

        The loop itself only takes down whether there are any, so that it can be vector code.
        """
        numbers = [leaf.expression for leaf in self._results()]
        stored = [f"results[{k}][k]" for k in range(len(numbers))]
        make = partial(careful_item, self.careful, tuple(self.kinds), tuple(self.in_axes))
        self.names |= {"is_nan": care.is_nan, "again": care.late(make)}
        lacks = " | ".join(f"is_nan({number})" for number in stored)
        return [
            *(f"    lacking = lacking | is_nan({number})" for number in numbers),
            "if lacking:",
            "    for k in range(first, last):",
            f"        if {lacks}:",
            f"            numbers = ({''.join(f'{number}, ' for number in stored)})",
            "            numbers = again((arguments, k), numbers)",
            *(f"            {number} = numbers[{k}]" for k, number in enumerate(stored)),
        ]

    def item_again(self):
        """Return the body that fills the results of one item, given the arguments and its index."""
        filled = "".join(
            f"filled(results[{k}], {leaf.expression}), " for k, leaf in enumerate(self._results())
        )
        lines = ["arguments, k = given", f"item = {self._call('k')}", f"return ({filled})"]
        return Body(lines, self.names | {"filled": care.filled})


def careful_item(function, kinds, in_axes):
    """Return the function that fills the results of an item by those of another function."""
    mapping = Mapping(function, kinds, in_axes, None, parallel=False)
    return part(function_of("again", "given, results", mapping.item_again()))


# What LLVM computes itself, many at a time: square roots, absolute values, roundings, ...
OWN_MATHEMATICS = re.compile(r"llvm\.(sqrt|fabs|fma|floor|ceil|trunc|rint|copysign|m[ai][xn])")


def fills_arrays(function, leaves_of_result):
    """Return whether a function is a derivative that stores all its results in arrays given."""
    transform = DRIVERS.get(function)
    return (
        transform is not None
        and transform.stores_results
        and all(leaf.is_array for leaf in leaves_of_result)
    )


def calls_library(function, kinds):
    """Return whether a compiled function calls a library for single numbers.

    A loop over such calls gains nothing as vector code, and loses a quarter of its speed by taking
    vectors apart for the calls and putting their results together.
    """
    if numba.config.USING_SVML:  # then the library knows vectors
        return False
    code = overload_of(function, kinds).library.get_llvm_str()
    called = re.findall(r"call [^@\n]*(?:double|float) @([\w.]+)", code)
    return any(not OWN_MATHEMATICS.match(name) for name in called)


class Targeted(Transform):
    """A transform whose second setting is where to compute."""

    @property
    def target(self):
        return self.settings[1]

    def __call__(self, *arguments, **keywords):
        if runs_on_cuda(self.target, arguments):
            return self.call_on_cuda(*bound(self, arguments, keywords))
        return Transform.__call__(self, *arguments, **keywords)

    def call_on_cuda(self, arguments, out):
        """Return what the transform does on a GPU with arguments in their order."""
        raise NotImplementedError


class Vmap(Targeted):
    """A function of items, over arrays of them."""

    summary = "the results for all items"

    @property
    def in_axes(self):
        return self.settings[0]

    def call_on_cuda(self, arguments, out):
        axes = axes_of(self.in_axes, arguments)
        return on_cuda().map_items(self, arguments, axes, out)

    def hint(self, arguments):
        """Return whether to share the items among threads, and what an item tells its function."""
        item_hint = None
        if isinstance(self.original, Transform):
            axes = axes_of(self.in_axes, arguments)
            item_hint = self.original.item_hint(
                [first_item(*pair) for pair in zip(arguments, axes, strict=True)]
            )
        return may_share(sum(map(numbers_in, arguments))), item_hint

    def item_hint(self, arguments):
        _, item_hint = self.hint(arguments)
        return False, item_hint

    def implementation(self, kinds, out, hint):
        axes = axes_of(self.in_axes, kinds)
        parallel, item_hint = hint or (False, None)
        function = self.function
        if item_hint is not None:
            function = self.original.driver(item_hint)
        return Mapping(function, kinds, axes, out, parallel=parallel).implementation()


def first_item(argument, axis):
    """Return the first item of an argument of a call from Python."""
    if isinstance(argument, tuple):
        return tuple(first_item(item, axis) for item in argument)
    if axis is None or not getattr(argument, "shape", ()) or not argument.shape[axis]:
        return argument
    return argument.take(0, axis)


def numbers_in(argument):
    """Return how many numbers an argument of a call from Python holds."""
    if isinstance(argument, tuple):
        return sum(map(numbers_in, argument))
    return getattr(argument, "size", 1)


def may_share(numbers):
    """Return whether so many numbers are worth more than one thread, and more than one is safe."""
    return numbers >= PARALLEL_NUMBERS and thread_count(1 << 30) > 1


def axes_of(in_axes, kinds):
    """Return the axis to map for each argument; None for those passed whole."""
    if isinstance(in_axes, tuple):
        if len(in_axes) != len(kinds):
            raise ValueError(
                f"vmap: in_axes has {len(in_axes)} entries, but there are {len(kinds)} arguments"
            )
        return in_axes
    return (in_axes,) * len(kinds)


def vmap(
    f: Callable[..., Any],
    in_axes: int | tuple[int | None, ...] = 0,
    target: Literal["auto", "cpu", "cuda"] = "auto",
    jit: bool = True,
) -> Callable[..., Any]:
    """Return the function that applies a function to every item of arrays.

    Parameters
    ----------
    f : callable
        A function, plain or compiled by ``numba.njit``, or a derivative made by `grad`, `jacobian`
        and the others. It returns a number, an array of the same shape for every item, or a tuple
        of these.
    in_axes : int or tuple, optional
        The axis along which the items of the arguments lie: the same for all, or one for each
        argument, with None for an argument that every item gets whole.
    target : {"auto", "cpu", "cuda"}, optional
        Where to compute. With ``"auto"`` that is where the arguments lie: on a GPU if one of them
        does, and then the results stay there. ``"cuda"`` copies arrays of the host there and the
        results back, ``"cpu"`` never touches CUDA. On a GPU every item has a thread, which has no
        memory to allocate: `f` returns numbers and tuples, or is a derivative of such a function.
    jit : bool, optional
        Whether to compile `f`, the default. With False it is run in plain Python on numbers that
        carry derivatives, for functions that Numba can't compile: slower by far, and the same
        answers.

    Returns
    -------
    callable
        A function of the same arguments, with items side by side, that returns the results stacked
        along a new first axis. Many items are shared among Numba's threads. With ``out=``, the
        results are stored there.

    Raises
    ------
    TypeError
        If `in_axes` isn't made of integers and None; when called, if no argument has items, or one
        that should have holds none.
    ValueError
        If `target` is unknown; when called, if arguments have different numbers of items.
    ModuleNotFoundError, RuntimeError
        When called, if a GPU is asked for and the extra ``cuda`` isn't installed, or there is none.

    Examples
    --------
    >>> import numpy as np
    >>> import numgrad
    >>> def norm(x):
    ...     return np.sqrt(x[0] ** 2 + x[1] ** 2)
    >>> points = np.array([[3.0, 4.0], [5.0, 12.0], [8.0, 15.0]])
    >>> numgrad.vmap(norm)(points)
    array([ 5., 13., 17.])
    >>> numgrad.vmap(numgrad.grad(norm))(points).shape
    (3, 2)
    """
    check_target(target)
    check_axes(in_axes)
    return made(Vmap, f, in_axes, target, jit=jit)


def check_target(target):
    """Raise where the items can't be computed."""
    if target not in TARGETS:
        raise ValueError(f"target must be one of {', '.join(TARGETS)}, not {target!r}")


def runs_on_cuda(target, arguments):
    """Return whether a call from Python runs on a GPU."""
    return target == "cuda" or (target == "auto" and lie_on_device(arguments))


def lie_on_device(arguments):
    """Return whether there is an array on a GPU among some arguments."""
    return any(
        lie_on_device(argument) if type(argument) is tuple else is_on_device(argument)
        for argument in arguments
    )


@cache
def on_cuda():
    """Load what maps items on a GPU when it is first asked for."""
    from numgrad.transforms import on_cuda

    return on_cuda


def bound(transform, arguments, keywords):
    """Return the arguments of a call in order, and ``out``."""
    out = keywords.pop("out", None)
    if keywords:
        signature = inspect.Signature(transform.parameters).bind(*arguments, **keywords)
        signature.apply_defaults()
        arguments = signature.args
    return tuple(arguments), out


def check_axes(in_axes):
    """Raise if axes are anything but integers and None."""
    axes = in_axes if isinstance(in_axes, tuple) else (in_axes,)
    if not all(axis is None or is_integer(axis) for axis in axes):
        raise TypeError(f"in_axes must be an int or a tuple of ints and None, not {in_axes!r}")


register(vmap, Vmap)
