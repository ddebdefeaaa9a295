"""Sweeps from coloured outputs, and the entries that they give.

The adjoints of all outputs of one colour begin at 1: no two of them depend on the same input, and
so each input ends with the entry of one of them.
"""

from functools import partial

import numpy as np
from numba import types

from numgrad.drivers import chunks
from numgrad.drivers.forward.inputs import check_place
from numgrad.drivers.forward.widths import FEWEST
from numgrad.drivers.reverse.passes import ReversePasses, indices_of
from numgrad.drivers.sparse.colouring import MOST_BYTES, first_fit
from numgrad.drivers.sparse.compressed import (
    COLOURS,
    COLUMNS,
    COUNT,
    FITS,
    LACKING,
    STARTS,
    add_up,
    again_function,
    amount_of,
    check_entries,
    check_inputs,
    check_outputs,
    take_in_order,
    tolerance_of,
    widest,
)
from numgrad.drivers.sparse.numbering import AsAsked
from numgrad.drivers.structure import Leaf, leaves
from numgrad.numbers.carrier import REAL, is_carrier
from numgrad.numbers.dual import nans
from numgrad.numbers.tape import lanes, nodes, streams, sweeping
from numgrad.numbers.tape.lane_records import LANES
from numgrad.targets.options import internal_njit
from numgrad.twin.errors import DifferentiationError

COMPLEX = "sparse derivatives of complex numbers are found forward alone: pass mode='forward'"


class CompressedSweeps(AsAsked, ReversePasses):
    """One call of a function, and sweeps for all colours of outputs, some at once.

    The plan is that of the transposed pattern: its columns are the outputs.
    """

    def __init__(self, function, kinds, argnums, plan, *, out_argnum=None, checked, width):
        self.plan, self.checked = plan, checked
        super().__init__(function, kinds, argnums, None, single=True, out_argnum=out_argnum)
        self.outputs_found = [each for each in leaves(self.outputs()) if each.is_floating]
        elements = [each.leaf.element for each in self.seeded]
        elements += [each.element.value for each in self.outputs_found if is_carrier(each.element)]
        if any(indices_of(element) != 1 for element in elements):
            raise DifferentiationError(COMPLEX)
        self.element = widest(elements)
        if not isinstance(plan[-1], types.NoneType):
            check_place(Leaf("out", plan[-1]), self.element, 1)

    @property
    def returns_arrays(self):
        return isinstance(self.plan[-1], types.NoneType)

    def implementation(self, *, value=False):
        """Return the body of a function of ``arguments`` and ``plan``: see `CompressedPasses`."""
        last = len(self.plan) - 1
        columns = f"plan[{COLUMNS}]"
        element = self.name(self.element, "element")
        size, rows = f"({columns}.size,)", f"(plan[{COLOURS}].size,)"
        self.check_unshared()
        if self.returns_arrays:
            self.add(f"out = {self.name(chunks.allocate, 'allocate')}({size}, {element})")
        else:
            check = self.name(check_entries, "check_entries")
            self.add(f"out = {check}(plan[{last}], {columns})")
        is_ordered = not isinstance(self.plan[-2], types.NoneType)
        self.add(f"data = {self.working_array(size, element) if is_ordered else 'out'}")
        self.prepare()
        check = self.name(check_inputs, "check_inputs")
        self.add(f"{check}(total, plan[{STARTS}].size - 1)")
        self.save("True" if self.checked else False)
        self.evaluate(1, first=True)
        self.add(f"end = {self.tape_function('close_tape')}, counters)", "start = base + total")
        self.add(f"found = {self.working_array(rows, self.name(types.int64, 'index'))}", "row = 0")
        self.add(f"settled = {self.working_array(rows, self.name(types.boolean, 'flag'))}")
        self._find_indices()
        self.add(f"moved = {self.working_array('(total,)', element)}")
        node, checked = self.name(self.dual, "node"), self.name(self.checked, "checked")
        given = f"{node}, plan, found, base, end, records, data, moved, {checked}"
        self.add(f"{self.name(sweep_colours, 'sweep_colours')}({given})")
        if self.is_watched:
            self.add(f"lacking = {self.name(nans.any_nan, 'any_nan')}(data)")
            self.others = f"{self.name(plan_forward, 'plan_forward')}(plan, data, settled)"
        self.take_care([("data", True)])
        if self.checked:
            arrays = f"plan[{STARTS}], {columns}, data, moved, {tolerance_of(self.element)}"
            self.add(f"if not {self.name(add_up, 'add_up')}({arrays}):")
            self.put_back(2)
            self.add(f"return data, {LACKING}", indent=2)
        self.restore()
        if is_ordered:
            take = self.name(take_in_order, "take_in_order")
            self.add(f"data = {take}(out, data, plan[{last - 1}])")
        return self.body(f"data, {FITS}")

    def _find_indices(self):
        """Add what finds the index of each output."""
        find = self.name(find_indices, "find_indices")
        for output in self.outputs_found:
            line = output.expression
            line = self.flat(output.kind, line) if output.is_array else f"({line},)"
            self.add(f"row = {find}({self.name(self.dual, 'node')}, {line}, found, settled, row)")
        check = self.name(check_outputs, "check_outputs")
        self.add(f"{check}(row, found.size)")

    def careful(self):
        """Entries that are nan are computed again forward, with care if need be."""
        rows, none = self.plan[COLUMNS], types.none
        places = types.Array(types.int32, 1, "C")
        plan = types.int64, places, self.plan[STARTS], rows, rows, places, none, none
        settings = {"out_argnum": self.out_argnum, "checked": False, "width": FEWEST}
        given = self.function, self.kinds, self.argnums, plan, settings
        return partial(again_function, *given, careful=False)


@internal_njit
def find_indices(node, numbers, found, settled, row):
    """Store the indices of some outputs, and which are nan themselves; return the next row."""
    for k in range(min(len(numbers), found.size - row)):
        found[row + k] = nodes.index_of(node, numbers[k], REAL)
        settled[row + k] = nans.is_nan(numbers[k])
    return row + len(numbers)


@internal_njit
def plan_forward(plan, data, settled):
    """Return the plan of passes along inputs for the entries that are nan.

    Where an output is nan itself its derivatives are too, and are not looked for.
    """
    starts, rows = plan[STARTS], plan[COLUMNS]
    lacking, count = np.empty(starts.size - 1, np.int64), 0
    for column in range(starts.size - 1):
        for entry in range(starts[column], starts[column + 1]):
            if np.isnan(data[entry]) and not settled[rows[entry]]:
                lacking[count] = column
                count += 1
                break
    own, directions, words = np.zeros(starts.size - 1, np.int32), 0, 1
    while count > 0 and directions == 0 and 8 * words * settled.size <= MOST_BYTES:
        own, directions = first_fit(starts, rows, settled.size, lacking[:count], words)
        words *= 2
    if directions == 0:
        own[lacking[:count]] = np.arange(count)
        directions = count
    colours, lanes = np.full(own.size, -1, np.int32), np.full(rows.size, -1, np.int32)
    for column in lacking[:count]:
        colours[column] = own[column]
        for entry in range(starts[column], starts[column + 1]):
            if np.isnan(data[entry]) and not settled[rows[entry]]:
                lanes[entry] = own[column]
    ends = np.zeros(settled.size + 1, starts.dtype)
    return directions, colours, ends, rows, rows, lanes, None, None


@internal_njit
def sweep_colours(node, plan, found, base, end, records, data, moved, checked):
    """Sweep for all colours, several at once where that can be, and take the entries."""
    directions = plan[COUNT] + int(checked)
    places = lanes.lanes_for(node, end, records) if directions > 1 else (0, 0)
    total = plan[STARTS].size - 1
    if places[1] != 0:
        for start in range(0, directions, LANES):
            for row in range(found.size):
                lane = plan[COLOURS][row] - start
                if 0 <= lane < LANES:
                    lanes.add_to_lane(places, found[row], lane, 1.0)
                if checked and 0 <= plan[COUNT] - start < LANES:
                    lanes.add_to_lane(places, found[row], plan[COUNT] - start, amount_of(row))
            lanes.sweep_lanes(node, places, base + total, end)
            take_lanes(plan, places, base, start, data, moved, checked)
            lanes.clear_lanes(places, base, total)
        lanes.close_lanes(places)
        return
    before = sweeping.set_counters(node, end)  # what pullbacks write goes behind all statements
    for colour in range(directions):
        adjoints = streams.streams_of(node)
        for row in range(found.size):
            if colour == plan[COUNT]:
                sweeping.begin_with(node, adjoints, found[row], amount_of(row))
            elif plan[COLOURS][row] == colour:
                sweeping.begin_with(node, adjoints, found[row], 1.0)
        sweeping.sweep(node, base + total, end[0], end[1])
        take_adjoints(node, plan, base, colour, data, moved)
        sweeping.clear(node, base, total)
    sweeping.set_counters(node, before)


@internal_njit
def take_lanes(plan, places, base, start, data, moved, checked):
    """Take the entries of some colours to their places."""
    starts, rows, colours = plan[STARTS], plan[COLUMNS], plan[COLOURS]
    for column in range(starts.size - 1):
        for entry in range(starts[column], starts[column + 1]):
            lane = colours[rows[entry]] - start
            if 0 <= lane < LANES:
                data[entry] = lanes.take_lane(places, base + column, lane)
        if checked and 0 <= plan[COUNT] - start < LANES:
            moved[column] = lanes.take_lane(places, base + column, plan[COUNT] - start)


@internal_njit
def take_adjoints(node, plan, base, colour, data, moved):
    """Take the entries of one colour to their places."""
    starts, rows, colours = plan[STARTS], plan[COLUMNS], plan[COLOURS]
    places = streams.streams_of(node)
    for column in range(starts.size - 1):
        adjoint = streams.take_adjoint(node, places, base + column)
        if colour == plan[COUNT]:
            moved[column] = adjoint
            continue
        for entry in range(starts[column], starts[column + 1]):
            if colours[rows[entry]] == colour:
                data[entry] = adjoint
