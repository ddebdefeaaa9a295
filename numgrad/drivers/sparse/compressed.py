"""Passes along coloured directions, and the entries that they give.

A direction is the sum of the unit vectors of all inputs of one colour. Where it is checked, there
is one more, along which every input moves by an amount of its own: the entries must add up to what
comes out of that, or there are some outside the pattern.
"""

from functools import partial

import numpy as np
from numba import types
from numba.np.numpy_support import as_dtype

from numgrad.arrays.linalg.blas import rows_of_numbers
from numgrad.drivers import chunks
from numgrad.drivers.forward.inputs import check_place, derivative_element
from numgrad.drivers.forward.passes import Passes
from numgrad.drivers.forward.widths import most_partials
from numgrad.drivers.sparse.acyclic import substitute
from numgrad.drivers.sparse.numbering import AsAsked
from numgrad.drivers.structure import Leaf, leaves
from numgrad.numbers.carrier import is_carrier, is_complex, number_of
from numgrad.numbers.dual import nans, parts
from numgrad.numbers.dual.seeds import lane_count, seeded_along
from numgrad.targets.options import internal_njit
from numgrad.twin.source import function_of

# Of a plan, whose last items are the order in which entries are wanted, and where they go
COUNT, COLOURS, STARTS, COLUMNS = range(4)
ROWS, LANES = 4, 5  # of one that has the places of entries by themselves
SUBSTITUTIONS = 6  # of a symmetric one

FITS, LACKING, INEXACT = range(3)  # what is said of entries: all, not all, by substitution in vain


class CompressedPasses(AsAsked, Passes):
    """The passes over all directions of a plan, in chunks, and the entries that they fill."""

    others = "plan"

    def __init__(
        self, function, kinds, argnums, plan, *, out_argnum=None, checked, width, **options
    ):
        self.width = width
        self.plan = plan
        self.checked = checked
        super().__init__(function, kinds, argnums, out_argnum=out_argnum, **options)
        self.settings = {"out_argnum": out_argnum, "checked": False}
        self.results = [each for each in leaves(self.outputs()) if each.is_floating]
        if not self.results:
            name = function.py_func.__name__
            raise TypeError(f"{name} returns no floats, which alone have a sparse derivative")
        self.element = widest([derivative_element(each, self.dual) for each in self.results])
        if not isinstance(plan[-1], types.NoneType):
            check_place(Leaf("out", plan[-1]), self.element, 1)

    def _count(self, most):
        return min(self.width, most_partials(self._value_type()))

    @property
    def has_arrays(self):
        return True

    @property
    def returns_arrays(self):
        return isinstance(self.plan[-1], types.NoneType)

    @property
    def has_places(self):
        """Whether the places of entries are told one by one."""
        return len(self.plan) > LANES + 1

    @property
    def is_symmetric(self):
        return len(self.plan) > SUBSTITUTIONS + 2

    @property
    def is_ordered(self):
        """Whether entries are wanted in another order than row by row."""
        return not isinstance(self.plan[-2], types.NoneType)

    # What goes in

    def _along(self, each, number, position):
        function, dual = self.name(seeded_along, "seeded"), self._dual_name(each)
        place = f"{each.name}_offset + {position}"
        amount = f"{self.name(amount_of, 'amount_of')}({place})"
        lanes = f"colours[{place}] - start, plan[{COUNT}] - start"
        return f"{function}({dual}, {number}, {lanes}, {amount})"

    def _seeded_number(self, each):
        return self._along(each, each.leaf.expression, "0")

    def _made(self, each):
        if each.seeded:
            return self._along(each, f"{each.name}_numbers[k]", "k")
        return super()._made(each)

    def _seed(self, each, indent, *, start, partial):
        """Nothing: inputs are filled in with their directions."""

    # What comes out

    def implementation(self):
        """Return the body of a function of ``arguments`` and ``plan``: entries, if they are right.

        Where they aren't, the caller's memory is as it was before.
        """
        result = self._place()
        self.add(f"data = {self._new('columns') if self.is_ordered else result}")
        self._compute()
        if self.is_symmetric:
            self._substitute()
        self._look_back()
        if self.is_symmetric:
            lacking = f" and not (lacking and plan[{SUBSTITUTIONS}].size > 0)"
            self._unless(f"(is_exact{lacking if self.is_watched else ''})", INEXACT)
        self.take_care([("data", True)])
        if self.checked:
            arrays = f"plan[{STARTS}], plan[{COLUMNS}], data, moved, {tolerance_of(self.element)}"
            self._unless(f"{self.name(add_up, 'add_up')}({arrays})", LACKING)
        self.restore()
        if self.is_ordered:
            take = self.name(take_in_order, "take_in_order")
            self.add(f"data = {take}({result}, data, plan[{len(self.plan) - 2}])")
        return self.body(f"data, {FITS}")

    def _substitute(self):
        """Find what stands in sums, and whether that has kept its digits."""
        plan = ", ".join(f"plan[{k}]" for k in (SUBSTITUTIONS, STARTS, ROWS, COLUMNS))
        arrays = f"{plan}, data, {self._new('columns')}"
        self.add(f"is_exact = {self.name(substitute, 'substitute')}({arrays})")

    def _unless(self, holds, verdict):
        """Return with a verdict, unless something holds."""
        self.add(f"if not {holds}:")
        self.put_back(2)
        self.add(f"return data, {verdict}", indent=2)

    def _place(self):
        """The source of the array that the entries go to."""
        if not self.returns_arrays:
            check = self.name(check_entries, "check_entries")
            return f"{check}(plan[{len(self.plan) - 1}], plan[{COLUMNS}])"
        size, element = f"(plan[{COLUMNS}].size,)", self.name(self.element, "element")
        return f"{self.name(chunks.allocate, 'allocate')}({size}, {element})"

    def _new(self, like):
        """The source of an array that is used in this call alone, of rows or of entries."""
        size = f"(plan[{COLUMNS}].size,)" if like == "columns" else f"(plan[{STARTS}].size - 1,)"
        return self.working_array(size, self.name(self.element, "element"))

    def careful(self):
        settings = {**self.settings, "width": self.width}
        return partial(again_function, self.function, self.kinds, self.argnums, self.plan, settings)

    def again(self):
        """Return the body of a function of ``arguments``, ``plan`` and ``results``."""
        self.add(f"data = {self._new('columns')}", "data[:] = results[0]")  # a plan may leave some
        self._compute()
        self._look_back()
        self.take_care([("data", True)])
        return self.filling([("data", True)])

    def _look_back(self):
        if self.is_watched:
            self.add(f"lacking = {self.name(nans.any_nan, 'any_nan')}(data)")

    def _compute(self):
        self.check_unshared()
        self.add(f"colours = plan[{COLOURS}]", f"directions = plan[{COUNT}] + {int(self.checked)}")
        self.prepare()
        check = self.name(check_inputs, "check_inputs")
        self.add(f"{check}(total, colours.size)")
        if self.checked:
            self.add(f"moved = {self._new('rows')}")
        again = f"directions > {self.dual.count}"
        if self.is_symmetric:
            again += f" or plan[{SUBSTITUTIONS}].size > 0"
        self.save("True" if self.checked else again)
        self.add(f"for start in range(0, max(directions, 1), {self.dual.count}):")
        self.add("if start > 0:", "    pass", indent=2)
        self.put_back(3)
        self.evaluate(2, first=True)
        self.add("first = 0", indent=2)
        for k, output in enumerate(self.results):
            self._store(f"output{k}", output)
        check = self.name(check_outputs, "check_outputs")
        self.add(f"{check}(first, plan[{STARTS}].size - 1)", indent=2)

    def _store(self, name, output):
        """Take the entries of one output to their places."""
        dual = self.name(self.dual, "dual")
        line = output.expression
        if output.is_array:
            line = self.flat(output.kind, output.expression)
        else:
            line = f"({line},)"
        self.add(f"{name} = {line}", indent=2)
        lanes = name
        if self._has_rows(output):
            lanes = f"{self.name(rows_of_numbers, 'rows')}({name})"
        store, arrays = store_columns, f"colours, plan[{STARTS}], plan[{COLUMNS}]"
        if self.has_places:
            store, arrays = store_places, f"plan[{ROWS}], plan[{LANES}]"
        read = self.name(read_float if lanes != name else parts.partial_at, "read")
        self.add(
            f"{self.name(store, 'store')}({read}, {dual}, {lanes}, first, start, {arrays}, data)",
            indent=2,
        )
        if self.checked:
            self.add(f"if 0 <= plan[{COUNT}] - start < {self.dual.count}:", indent=2)
            move = self.name(store_moved, "store_moved")
            self.add(f"{move}({dual}, {name}, first, plan[{COUNT}] - start, moved)", indent=3)
        self.add(f"first += len({name})", indent=2)

    def _has_rows(self, output):
        """Whether the numbers of an output lie in memory as rows of floats."""
        element = output.element
        return (
            output.is_array
            and is_carrier(element)
            and element.depth == self.dual.depth
            and isinstance(element.value, types.Float)
        )


def again_function(function, kinds, argnums, plan, settings, *, careful=True):
    """Return the function that makes the same passes again: with care, or when it has to be."""
    passes = CompressedPasses(function, kinds, argnums, plan, careful=careful, **settings)
    return internal_njit(function_of("again", "arguments, plan, results", passes.again()))


def widest(elements):
    """Return the type of entries that holds all of some types."""
    carriers = [each for each in elements if is_carrier(each)]
    if carriers:
        raise TypeError("a sparse derivative can't be differentiated: take numgrad.jacobian")
    return max(elements, key=lambda each: (is_complex(each), each.bitwidth))


def tolerance_of(element):
    """The deviation of a row from a direction that rounding can't explain, by its largest term."""
    return float(np.sqrt(np.finfo(as_dtype(number_of(element))).eps))


@internal_njit
def amount_of(position):
    """The amount by which an input moves along the direction that checks all others."""
    return 0.5 + ((position + 1) * 0x9E3779B1 & 0xFFFFFFFF) / 4294967296.0


@internal_njit
def read_float(dual, row, lane):
    return row[1 + lane]


@internal_njit
def store_columns(read, dual, numbers, first, start, colours, starts, columns, data):
    """Store the entries of some rows, each of the colour of its column."""
    for k in range(min(len(numbers), starts.size - 1 - first)):
        for entry in range(starts[first + k], starts[first + k + 1]):
            lane = colours[columns[entry]] - start
            if 0 <= lane < lane_count(dual):
                data[entry] = read(dual, numbers[k], lane)


@internal_njit
def store_places(read, dual, numbers, first, start, rows, lanes, data):
    """Store the entries that are in some rows, each told by its row and colour."""
    for entry in range(data.size):
        k, lane = rows[entry] - first, lanes[entry] - start
        if 0 <= k < len(numbers) and 0 <= lane < lane_count(dual):
            data[entry] = read(dual, numbers[k], lane)


@internal_njit
def store_moved(dual, numbers, first, lane, moved):
    """Store by how much outputs move along the direction that checks."""
    for k in range(min(len(numbers), moved.size - first)):
        moved[first + k] = parts.partial_at(dual, numbers[k], lane)


@internal_njit
def add_up(starts, columns, data, moved, tolerance):
    """Whether the entries of each row add up to what moves; what is nan is let pass."""
    for row in range(moved.size):
        total, size = moved[row], 0.0
        for entry in range(starts[row], starts[row + 1]):
            term = data[entry] * amount_of(columns[entry])
            total -= term
            size = max(size, abs(term))
        if abs(total) > tolerance * size:
            return False
    return True


@internal_njit
def take_in_order(target, data, order):
    for k in range(order.size):
        target[k] = data[order[k]]
    return target


@internal_njit
def check_entries(out, columns):
    if out.size != columns.size:
        raise ValueError("out has not as many numbers as the pattern has entries")
    return out


@internal_njit
def check_inputs(inputs, columns):
    if inputs != columns:
        raise ValueError("the pattern has not as many columns as there are inputs")


@internal_njit
def check_outputs(outputs, rows):
    if outputs != rows:
        raise ValueError("the pattern has not as many rows as there are outputs")
