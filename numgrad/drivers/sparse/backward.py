"""Sweeps from coloured outputs, and the entries that they give.

The adjoints of all outputs of one colour begin at 1: no two of them depend on the same input, and
so each input ends with the entry of one of them.
"""

from numba import types

from numgrad.drivers import chunks
from numgrad.drivers.forward.inputs import check_place
from numgrad.drivers.reverse.passes import ReversePasses, indices_of
from numgrad.drivers.sparse.compressed import (
    COLOURS,
    COLUMNS,
    COUNT,
    STARTS,
    add_up,
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
from numgrad.numbers.tape import lanes, nodes, streams, sweeping
from numgrad.numbers.tape.lane_records import LANES
from numgrad.targets.options import internal_njit


class CompressedSweeps(AsAsked, ReversePasses):
    """One call of a function, and sweeps for all colours of outputs, some at once.

    The plan is that of the transposed pattern: its columns are the outputs.
    """

    def __init__(self, function, kinds, argnums, plan, *, out_argnum=None, checked, width):
        self.plan, self.checked = plan, checked
        super().__init__(
            function, kinds, argnums, None, single=True, out_argnum=out_argnum, watched=False
        )
        self.outputs_found = [each for each in leaves(self.outputs()) if each.is_floating]
        elements = [each.leaf.element for each in self.seeded]
        elements += [each.element.value for each in self.outputs_found if is_carrier(each.element)]
        self.is_real = all(indices_of(element) == 1 for element in elements)
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
        self._find_indices()
        self.add(f"moved = {self.working_array('(total,)', element)}")
        node, checked = self.name(self.dual, "node"), self.name(self.checked, "checked")
        given = f"{node}, plan, found, base, end, records, data, moved, {checked}"
        self.add(f"{self.name(sweep_colours, 'sweep_colours')}({given})", "fits = True")
        if self.checked:
            arrays = f"plan[{STARTS}], {columns}, data, moved, {tolerance_of(self.element)}"
            self.add(f"fits = {self.name(add_up, 'add_up')}({arrays})", "if not fits:")
            self.put_back(2)
            self.add("return data, fits", indent=2)
        self.restore()
        if is_ordered:
            take = self.name(take_in_order, "take_in_order")
            self.add(f"data = {take}(out, data, plan[{last - 1}])")
        return self.body("data, fits")

    def _find_indices(self):
        """Add what finds the index of each output."""
        find = self.name(find_indices, "find_indices")
        for output in self.outputs_found:
            line = output.expression
            line = self.flat(output.kind, line) if output.is_array else f"({line},)"
            self.add(f"row = {find}({self.name(self.dual, 'node')}, {line}, found, row)")
        check = self.name(check_outputs, "check_outputs")
        self.add(f"{check}(row, found.size)")


@internal_njit
def find_indices(node, numbers, found, row):
    """Store the indices of some outputs; return the next row."""
    for k in range(min(len(numbers), found.size - row)):
        found[row + k] = nodes.index_of(node, numbers[k], REAL)
    return row + len(numbers)


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
