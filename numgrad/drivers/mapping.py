"""The loop over items that ``vmap`` makes, and ``derivative`` over arrays."""

import re
from functools import partial

import numba
import numpy as np
from numba import get_num_threads, prange, types

from numgrad.drivers import chunks, layouts, state
from numgrad.drivers.forward import care
from numgrad.drivers.forward.inputs import check_place
from numgrad.drivers.optionals import has_optional
from numgrad.drivers.overloads import overload_of, return_type
from numgrad.drivers.scratch import scratch
from numgrad.drivers.structure import argument, leaves, mapped, position_of, source_of, structure_of
from numgrad.drivers.written import written_arguments
from numgrad.numbers.carrier import number_of
from numgrad.numbers.dual import nans
from numgrad.targets.options import internal_njit, internal_parallel_njit
from numgrad.twin.origins import DRIVERS
from numgrad.twin.source import Body, function_of
from numgrad.twin.twin import twin_of


class Mapping:
    """The source of a loop over items, for arguments of given types."""

    def __init__(
        self, function, kinds, in_axes, out, *, parallel, new=chunks.allocate, careful=None
    ):
        self.function = function if function in DRIVERS else twin_of(function)
        self.careful = careful  # what to call for an item whose derivatives are nan
        self.kinds = kinds
        self.in_axes = in_axes
        self.names = {
            "function": self.function,
            "allocate": new,
            "new": new if out is None else scratch,
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
        self.items = [item_kind(*pair) for pair in zip(kinds, in_axes, strict=True)]
        self.written = written_arguments(self.function, self.items)
        self.state = [
            held
            for position in sorted(self.written)
            if in_axes[position] is None
            for held in state.held_in(argument(position), kinds[position], floats=True)
        ]
        self.parallel = parallel and not self.state  # which is one for all threads
        self.returned = return_type(self.function, self.items)
        self.structure = structure_of("item", self.returned)
        if has_optional(self.returned):
            raise TypeError(
                f"what is mapped returns {self.returned}: for an array of items it must return the "
                "same for each, and None for none or all of them"
            )
        self.places = None if out is None else self._checked_out(out)
        if any(leaf.is_array for leaf in self._results()):
            self.careful = None  # the function itself looks for nan in arrays

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

    def implementation(self, out_axis=0):
        """Return the body of a function of ``arguments`` and ``out``."""
        lines = self._count() + self._checks() + self._saving() + self._allocation()
        run, count = self._block(), len(self._results())
        saved = "".join(f"saved{k}, " for k in range(len(self.state)))
        results = "".join(f"r{k}, " for k in range(count))
        begin = "min(count, 1)" if self.needs_item else "0"
        lines += [f"run(arguments, ({results}), ({saved}), {begin}, count)"]
        lines += [f"bring({place.expression}, r{k})" for k, place in enumerate(self.places or ())]
        numbers = iter(range(count))
        form = "{}" if out_axis == 0 else f"np.moveaxis({{}}, 0, {out_axis})"
        result = source_of(mapped(lambda _: form.format(f"r{next(numbers)}"), self.structure))
        lines += [f"return {result if self.places is None else 'out'}"]
        names = {"run": run, "check_shape": chunks.check_shape, "bring": chunks.bring, "np": np}
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
        return self.in_axes[position_of(leaf.expression)] % leaf.kind.ndim

    def _checks(self):
        """Return the source that raises where an item would be read from what another wrote to."""
        self.names |= {
            "check_out": layouts.check_distinct,
            "check_distinct": layouts.check_written_distinct,
            "check_unshared": chunks.check_unshared,
            "in_step": chunks.in_step,
        }
        lines = [
            f"check_out({place.expression})"
            for place in self.places or ()
            if place.kind.layout == "A"
        ]
        arrays = [
            (position, *array)
            for position, kind in enumerate(self.kinds)
            for array in state.arrays_in(argument(position), kind)
        ]
        for position, array, kind in arrays:
            if position not in self.written or not kind.mutable:
                continue
            axis = self.in_axes[position]
            if axis is not None and kind.layout == "A":
                lines.append(f"check_distinct({array})")
            for other_position, other, _ in arrays:
                other_axis = self.in_axes[other_position]
                if other == array or (axis is None and other_axis is None):
                    continue
                check = f"check_unshared({array}, ({other},))"
                if axis == other_axis == 0:  # an item and its own part of the other
                    check = f"if not in_step({array}, {other}): {check}"
                lines.append(check)
        return lines

    def _saving(self):
        """The source that saves the state that items share and may write."""
        lines = []
        self.names |= {"saved": state.saved, "put_back": state.put_back}
        for k, (expression, kind) in enumerate(self.state):
            if not state.can_be_saved(kind):
                position = position_of(expression)
                raise TypeError(state.unsaved_message(self.function, position, kind))
            if isinstance(kind, types.Array):
                self.names |= {f"held{k}": kind.dtype, "in_line": chunks.in_line}
                lines.append(
                    f"saved{k} = in_line({expression}, new(({expression}.size,), held{k}))"
                )
            else:
                lines.append(f"saved{k} = saved({expression})")
        return lines

    @property
    def needs_item(self):
        """Whether the results for the first item are needed to tell the shapes of all."""
        fills = self.places is not None and fills_arrays(self.function, self._results())
        if fills and not self.parallel:  # what stores the results of an item looks at their shapes
            return False
        return any(leaf.is_array for leaf in self._results())

    def _allocation(self):
        """Return the source that allocates the results, and stores those for the first item."""
        results, lines = self._results(), []
        for k, leaf in enumerate(results):
            place, shape = self.places and self.places[k], "(count,)"
            if leaf.is_array and self.needs_item:
                shape += f" + {leaf.expression}.shape"
            if place is None:
                self.names[f"element{k}"] = leaf.element
                lines.append(f"r{k} = allocate({shape}, element{k})")
                continue
            given = f"{place.expression}.shape"
            if leaf.is_array and not self.needs_item:
                given, shape = f"{given}[0]", "count"
            lines += [f"check_shape({given}, {shape})", f"r{k} = {self._in_place(place)}"]
        if not self.needs_item:
            return lines
        stores = [f"r{k}[0] = {leaf.expression}" for k, leaf in enumerate(results)]
        without = [
            line for k, place in enumerate(results) for line in self._without_items(k, place)
        ]
        some = [f"item = {self._call('0')}", *lines, *stores]
        return [
            "if count == 0:",
            *(f"    {line}" for line in without),
            "else:",
            *(f"    {line}" for line in some),
        ]

    def _without_items(self, k, leaf):
        """Return the source of a result for no items, whose shape may be known all the same."""
        if self.places is not None:
            place = self.places[k].expression
            return [
                f"check_shape({place}.shape[0], count)",
                f"r{k} = {self._in_place(self.places[k])}",
            ]
        if not leaf.is_array:
            return [f"r{k} = allocate((count,), element{k})"]
        inputs = shapes_of_results(self.function, self.items, self._results())
        if inputs is None:
            return ["raise ValueError('vmap: no items, so the shape of a result is not known')"]
        shape = " + ".join(["(count,)", *(self._shape_of_item(each) for each in inputs[k])])
        return [f"r{k} = allocate({shape}, element{k})"]

    def _shape_of_item(self, expression):
        """Return the source of the shape of an argument, or of a part of one, as items have it."""
        axis = self.in_axes[position_of(expression)]
        if axis is None:
            return f"{expression}.shape"
        (leaf,) = [leaf for leaf in self.mapped if leaf.expression == expression]
        axis %= leaf.kind.ndim
        return f"{expression}.shape[:{axis}] + {expression}.shape[{axis + 1}:]"

    def _in_place(self, place):
        """Return the source of the array to fill: the caller's if no other item is read from it."""
        self.names |= {"disjoint": chunks.disjoint, "in_step": chunks.in_step, "scratch": scratch}
        self.names[f"element_of_{place.element}"] = place.element
        tests = [
            f"disjoint({place.expression}, ({leaf.expression},))"
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
        lines = ["for k in range(first, last):"]
        if self.state:
            lines += ["    if k > 0:"]
            lines += [f"        {line}" for line in self._putting_back()]
        if calls_library(self.function, self.items):
            lines += ["    one_by_one()"]
        lines += [f"    {line}" for line in self._item_into_results()]
        if self.careful is not None:
            lines = self._with_care(lines)
        body = Body(lines, self.names)
        block = internal_njit(function_of("block", "arguments, results, saved, first, last", body))
        if not self.parallel:
            return block

        def shared(arguments, results, saved, begin, count):
            threads = get_num_threads()
            for thread in prange(threads):
                block(
                    arguments,
                    results,
                    saved,
                    begin + (count - begin) * thread // threads,
                    begin + (count - begin) * (thread + 1) // threads,
                )

        return internal_parallel_njit(shared)

    def _putting_back(self):
        """The source that puts back the state that items may write."""
        return [
            f"put_back({expression}, saved[{k}])" for k, (expression, _) in enumerate(self.state)
        ]

    def _with_care(self, loop):
        """The loop with a flag for items whose derivatives are nan, which are computed again.

        So it can be vector code; the careful computation is compiled only then.
        """
        numbers = [leaf.expression for leaf in self._results()]
        make = partial(careful_items, self.careful, tuple(self.kinds), tuple(self.in_axes))
        elements = [number_of(leaf.element) for leaf in self._results()]
        single = all(element in (types.float32, types.complex64) for element in elements)
        self.names |= {
            "noted": nans.noted,
            "nothing": np.int32(0) if single else np.int64(0),
            "again": care.call,
            "late": care.Late(make),
        }
        return [
            "lacking = nothing",
            *loop,
            *(f"    lacking = noted(lacking, {number})" for number in numbers),
            "if lacking != 0:",
            "    again(late, arguments, (saved, first, last), results)",
        ]

    def items_again(self):
        """The body that replaces nan among the results of some items.

        What items may write is left to the last of them, which is computed once more for that.
        """
        results = list(enumerate(self._results()))
        tests = [f"is_nan(results[{k}][k])" for k, _ in results]
        if self.state:
            tests.append("(k == last - 1)")
        lines = [
            "saved, first, last = others",
            "for k in range(first, last):",
            f"    if {' | '.join(tests)}:",
            *(f"        {line}" for line in self._putting_back()),
            f"        item = {self._call('k')}",
            *(
                f"        results[{k}][k] = filled(results[{k}][k], {leaf.expression})"
                for k, leaf in results
            ),
            "return ()",
        ]
        names = {"is_nan": nans.is_nan, "filled": care.filled, "put_back": state.put_back}
        return Body(lines, self.names | names)


def careful_items(function, kinds, in_axes):
    """Return the function that fills in the results of items by those of another function."""
    mapping = Mapping(function, kinds, in_axes, None, parallel=False)
    return internal_njit(function_of("again", "arguments, others, results", mapping.items_again()))


def shapes_of_results(function, kinds, results):
    """The inputs whose shapes each result of a derivative has, or None if unknown.

    Known are those of an output that is a number: it has no dimensions of its own.
    """
    transform = DRIVERS.get(function)
    inputs = None if transform is None else transform.inputs_of_results(kinds)
    if inputs is None or len(results) % len(inputs):
        return None
    shapes = []
    for k, leaf in enumerate(results):
        arrays = [each for each in inputs[k % len(inputs)] if each.is_array]
        if leaf.is_array and leaf.kind.ndim != sum(each.kind.ndim for each in arrays):
            return None
        shapes.append([each.expression for each in arrays])
    return shapes


def item_kind(kind, axis):
    """Return the type of an item of an argument."""
    if axis is None:
        return kind
    if isinstance(kind, types.BaseTuple):
        return types.Tuple([item_kind(item, axis) for item in kind.types])
    if kind.ndim == 1:
        return kind.dtype
    layout = "C" if kind.layout == "C" and axis == 0 else "A"
    return types.Array(
        kind.dtype, kind.ndim - 1, layout, readonly=not kind.mutable, aligned=kind.aligned
    )


# What LLVM computes itself, many at a time: square roots, absolute values, roundings, ...
OWN_MATHEMATICS = re.compile(r"llvm\.(sqrt|fabs|fma|floor|ceil|trunc|rint|copysign|m[ai][xn])")


def fills_arrays(function, leaves_of_result):
    """Whether a function is a derivative that stores all its results in arrays given."""
    transform = DRIVERS.get(function)
    return (
        transform is not None
        and transform.stores_results
        and all(leaf.is_array for leaf in leaves_of_result)
    )


def calls_library(function, kinds):
    """Whether a compiled function calls a library for single numbers.

    A loop over such calls gains nothing as vector code, and loses a quarter of its speed by taking
    vectors apart for the calls and putting their results together.
    """
    if numba.config.USING_SVML:  # then the library knows vectors
        return False
    code = overload_of(function, kinds).library.get_llvm_str()
    called = re.findall(r"call [^@\n]*(?:double|float) @([\w.]+)", code)
    return any(not OWN_MATHEMATICS.match(name) for name in called)
