"""One call of a function that writes a tape, and a sweep for each of its results.

All that stands between the arguments and the function, and between what it returns and the results,
is as in forward mode (`numgrad.drivers.forward.results`).
"""

from functools import partial
from typing import Any

from numba import types

from numgrad.drivers.forward.guarded import guarded
from numgrad.drivers.forward.results import JacobianPasses, again_function
from numgrad.drivers.randomness import ALL_GENERATORS
from numgrad.drivers.reverse.harvest import store_conjugate, store_half
from numgrad.drivers.structure import leaves
from numgrad.drivers.written import takes_addresses
from numgrad.numbers.carrier import IMAG, REAL, carriers_in, number_of
from numgrad.numbers.conversions import converted
from numgrad.numbers.dual import nans
from numgrad.numbers.tape import (  # noqa: F401 - some for their records
    lanes,
    lasting,
    linear,
    loops,
    memory,
    nodes,
    products,
    sums,
    sweeping,
)
from numgrad.numbers.tape.lane_records import LANES
from numgrad.numbers.tape.statements import partial_type
from numgrad.numbers.tape.type import NodeType

LANE_FUNCTIONS = "clear_lanes close_lanes lanes_for set_lane sweep_lanes take_lane".split()


class ReversePasses(JacobianPasses):
    """The call and the sweeps, and the results that they fill."""

    goes_backward = True
    looks_back = True  # a derivative that is nan is found among the results
    fallback = JacobianPasses  # forward passes that compute it again
    both_parts = False  # whether a result by a complex number tells of its imaginary part too

    def carrier(self, most, careful):
        memory.register()
        return NodeType(self._value_type(), self._depth(careful=False))

    def _value_type(self):
        return self._joined(super()._value_type())

    def dual_of(self, element):
        return NodeType(self._joined(element), self.dual.depth)

    def _joined(self, element):
        """The type of values of one type, with all that any argument carries.

        A tape is one of numbers of one size: what is computed with such arguments carries it too,
        and has its place beside the inputs.
        """
        joined = number_of(element)
        found: dict[int, Any] = {}
        for kind in self.kinds:
            found |= carriers_in(kind)
        for _, carrier in sorted(found.items()):
            joined = carrier.with_value(joined)
        return joined

    def careful(self):
        """Derivatives that are nan are computed again in forward mode, with care if need be."""
        settings = self.fallback, self.function, self.kinds, self.argnums, self.settings
        return partial(again_function, *settings, careful=False)

    def _look_back(self):
        """Where a number that is returned is nan, so are its derivatives, and nothing is missing.

        Forward passes by all inputs would take long to find out.
        """
        super()._look_back()
        numbers = [output for output in leaves(self.outputs()) if not output.is_array]
        if self.is_watched and len(numbers) == len(leaves(self.outputs())):
            tests = [f"{self.name(nans.is_nan, 'nan')}({each.expression})" for each in numbers]
            self.add(f"lacking = lacking and not ({' or '.join(tests)})")

    # What goes in

    def prepare(self):
        """Number the inputs: those of a complex number are two."""
        offset = "0"
        for each in self.in_order():
            leaf, name = each.leaf, each.name
            if each.in_array:
                self._prepare_duals(each)
            if each.seeded:
                size = f"{leaf.expression}.size" if leaf.is_array else "1"
                self.add(f"{name}_offset = {offset}")
                offset = f"{name}_offset + {size} * {indices_of(leaf.element)}"
        self.add(
            f"total = {offset}",
            f"counters = {self.tape_function('open_tape')}, total)",
            "base = counters[0]",
            f"records = {self.name(lanes.record_count, 'record_count')}"
            f"({self.name(self.dual, 'node')})",
        )

    def tape_function(self, name):
        """The beginning of a call of a function of a tape."""
        function = self.name(getattr(sweeping, name), name)
        return f"{function}({self.name(self.dual, 'node')}"

    def _node(self, each, number, position):
        node = self._dual_name(each)
        if not each.seeded:
            return f"{self.name(converted, 'converted')}({number}, {node})"
        index = f"base + {each.name}_offset + {position} * {indices_of(each.leaf.element)}"
        return f"{self.name(nodes.noded, 'noded')}({node}, {number}, {index})"

    def _made(self, each):
        return self._node(each, f"{each.name}_numbers[k]", "k")

    def _seeded_number(self, each):
        return self._node(each, each.leaf.expression, "0")

    def _constant(self, expression, kind):
        node = self.dual_of(kind)
        return f"{self.name(converted, 'converted')}({expression}, {self.name(node, 'node')})", node

    def _seed(self, each, indent, *, start, partial):
        """Nothing: nodes are told apart by their indices."""

    def _guarded(self):
        """Let records refer to what the function leaves as it is, and need no copy of it."""
        function, node = self.name(lasting.remember, "remember"), self.name(self.dual, "node")
        arrays = "".join(f"{each.leaf.expression}, " for each in self._lasting())
        self.add(f"{function}({node}, ({arrays}))")
        return super()._guarded()

    def _lasting(self):
        """List the arguments that are arrays which stay as they are until the sweep is over.

        What the function writes to arrays of floats it writes to other arrays, of nodes. Where it
        writes to anything else, or foreign code does, that may be memory of an argument's too.
        """
        found = [
            each
            for each in self.inputs
            if each.leaf.is_array and each.leaf.kind.layout in "CF"
            if not (each.seeded or each.written)
        ]
        if not found or any(kind is not ALL_GENERATORS for _, kind in self.state):
            return []
        kinds = (*(kind for _, kind in self.leading), *self.kinds)
        return [] if takes_addresses(self.function, kinds) else found

    def _undone(self):
        close = self.name(sweeping.close_tape, "close_tape")
        return f"{close}, ({self.name(self.dual, 'node')}, counters)"

    def _needs_more_passes(self):
        return False

    # What comes out

    def _compute(self):
        self.check_unshared()
        if self.out is not None:
            self.check_out(self.out)
            self._check_disjoint(self.out)
        self.prepare()
        self.save(False)
        if self.is_watched:
            self.add("lacking = False")
        self.evaluate(1, first=True)
        self.add(f"end = {self.tape_function('close_tape')}, counters)", "start = base + total")
        for k, result in enumerate(self.results):
            self._allocate(result, None if self.out is None else self.out[k])
        numbers = []
        for output in leaves(self.outputs()):
            results = [result for result in self.results if result.output == output]
            if results and output.is_array:
                self._sweep_array(output, results)
            elif results:
                numbers.append((output, results))
        self._sweep_numbers(numbers)

    def _sweep_numbers(self, numbers):
        """Sweep from outputs that are numbers, from several at once where that can be."""
        indent = 1
        if len(numbers) > 1 and all(self._has_lanes(output) for output, _ in numbers):
            self._sweep_numbers_together(numbers)
            indent = 2
        for output, results in numbers:
            self._sweep_number(output, output.expression, results, indent)

    def _has_lanes(self, output):
        """Whether adjoints for an output are real numbers, of which vectors are made."""
        is_real = output.is_array or indices_of(output.element) == 1
        return is_real and isinstance(partial_type(self.dual_of(output.element).value), types.Float)

    def _sweep_array(self, output, results):
        """Sweep for each number of an array, from several at once where that can be."""
        name, indent = f"{results[0].name}_outputs", 1
        self.add(f"{name} = {self.flat(output.kind, output.expression)}")
        if self._has_lanes(output):
            self._sweep_rows_together(output, results, name)
            indent = 2
        self.add(f"for row in range({name}.size):", indent=indent)
        self._sweep_number(output, f"{name}[row]", results, indent + 1)

    def _sweep_number(self, output, expression, results, indent):
        for half in (REAL, IMAG)[: indices_of(output.element)]:
            self.add(f"result = {self._index_of(expression, half)}", indent=indent)
            self.add(self._sweep(), indent=indent)
            self.add(f"streams = {self.tape_function('streams_of')})", indent=indent)
            for result in results:
                take = f"{self.tape_function('take_adjoint')}, streams, "
                self._take(result, half, indent, "row", (take, ")"))
            self.add(f"{self.tape_function('clear')}, base, total)", indent=indent)

    def _index_of(self, expression, half):
        node, index_of = self.name(self.dual, "node"), self.name(nodes.index_of, "index_of")
        return f"{index_of}({node}, {expression}, {half})"

    def _sweep_numbers_together(self, numbers):
        """Sweep from numbers, as many at once as there are lanes."""
        node, given = self.name(self.dual, "node"), self._lane_functions()
        self.add(f"lanes = {given['lanes_for']}({node}, end, records)", "if lanes[1] != 0:")
        for start in range(0, len(numbers), LANES):
            group = numbers[start : start + LANES]
            for lane, (output, _) in enumerate(group):
                result = self._index_of(output.expression, REAL)
                self.add(f"{given['set_lane']}(lanes, {result}, {lane})", indent=2)
            self.add(f"{given['sweep_lanes']}({node}, lanes, start, end)", indent=2)
            take = f"{given['take_lane']}(lanes, "
            for lane, (_, results) in enumerate(group):
                for result in results:
                    self._take(result, REAL, 2, "row", (take, f", {lane})"))
            self.add(f"{given['clear_lanes']}(lanes, base, total)", indent=2)
        self.add(f"    {given['close_lanes']}(lanes)", "else:")

    def _lane_functions(self):
        return {each: self.name(getattr(lanes, each), each) for each in LANE_FUNCTIONS}

    def _sweep_rows_together(self, output, results, name):
        """Sweep from the numbers of an array, if there are several.

        The part of a result that isn't real is another result.
        """
        node, given = self.name(self.dual, "node"), self._lane_functions()
        opened = f"{given['lanes_for']}({node}, end, records)"
        self.add(
            f"lanes = {opened} if {name}.size > 1 else (0, 0)",
            "if lanes[1] != 0:",
            f"    for row in range(0, {name}.size, {LANES}):",
            f"        count = min({name}.size - row, {LANES})",
        )
        for half in (REAL, IMAG)[: indices_of(output.element)]:
            self.add(
                "for lane in range(count):",
                f"    result = {self._index_of(f'{name}[row + lane]', half)}",
                f"    {given['set_lane']}(lanes, result, lane)",
                f"{given['sweep_lanes']}({node}, lanes, start, end)",
                "for lane in range(count):",
                indent=3,
            )
            for result in results:
                take = f"{given['take_lane']}(lanes, "
                self._take(result, half, 4, "(row + lane)", (take, ", lane)"))
            self.add(f"{given['clear_lanes']}(lanes, base, total)", indent=3)
        self.add(f"    {given['close_lanes']}(lanes)", "else:")

    def _sweep(self):
        """The source of a sweep.

        It may raise: adjoints that carry something are written to a tape too, which may be full,
        and records may call functions. Then adjoints must be 0 again for the next sweep.
        """
        sweep, node = self.name(sweeping.sweep_from, "sweep_from"), self.name(self.dual, "node")
        undone = f"{self.name(sweeping.clear_all, 'clear_all')}, ({node}, base, end, counters)"
        guard = self.name(guarded, "guarded")
        return f"{guard}({sweep}, (None, {node}, result, start, end), (), (), ({undone}))"

    def _take(self, result, half, indent, row, take):
        """Take the adjoints of an input to their place in a row of a result.

        ``take`` has what stands before and after the index in the source that takes one.
        """
        by, step, (before, after) = result.by, indices_of(result.by.leaf.element), take
        place = f"{result.name}_flat[{row}]" if result.output.is_array else result.name
        index = f"base + {by.name}_offset"
        if by.leaf.is_array:
            size = f"{by.name}_numbers.size"
            position = f"{row} * {size} + k" if result.output.is_array else "k"
            place, index = f"{result.name}_flat[{position}]", f"{index} + k * {step}"
            self.add(f"for k in range({size}):", indent=indent)
            indent += 1
        taken = f"{before}{index}{after}"
        if self.both_parts and step == 2:
            store = self.name(store_conjugate(result.element), "store")
            imaginary = f"{before}{index} + 1{after}"
            self.add(f"{place} = {store}({taken}, {imaginary})", indent=indent)
            return
        store = self.name(store_half(result.element, half), "store")
        former = place if half else "0.0"
        self.add(f"{place} = {store}({former}, {taken})", indent=indent)


def indices_of(element):
    """The number of indices of a number."""
    return 2 if isinstance(number_of(element), types.Complex) else 1
