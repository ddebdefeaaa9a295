"""One call of a function that writes a tape, and a sweep for each of its results.

All that stands between the arguments and the function, and between what it returns and the results,
is as in forward mode (`numgrad.drivers.forward.results`).
"""

from functools import partial
from typing import Any

from numba import types

from numgrad.drivers.forward.guarded import guarded
from numgrad.drivers.forward.results import JacobianPasses, again_function
from numgrad.drivers.reverse.harvest import store_conjugate, store_half
from numgrad.drivers.structure import leaves
from numgrad.numbers.carrier import IMAG, REAL, carriers_in, number_of
from numgrad.numbers.conversions import converted
from numgrad.numbers.dual import nans
from numgrad.numbers.tape import linear, memory, nodes, products, sweeping  # noqa: F401 - records
from numgrad.numbers.tape.type import NodeType


class ReversePasses(JacobianPasses):
    """The call and the sweeps, and the results that they fill."""

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
        for each in self.inputs:
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
        for output in leaves(self.outputs()):
            results = [result for result in self.results if result.output == output]
            if results:
                self._sweep_output(output, results)

    def _sweep_output(self, output, results):
        """Sweep for each number of an output."""
        indent, expression = 1, output.expression
        if output.is_array:
            name = f"{results[0].name}_outputs"
            self.add(f"{name} = {self.flat(output.kind, output.expression)}")
            self.add(f"for row in range({name}.size):")
            indent, expression = 2, f"{name}[row]"
        for half in (REAL, IMAG)[: indices_of(output.element)]:
            index_of = f"{self.name(nodes.index_of, 'index_of')}({self.name(self.dual, 'node')}"
            self.add(f"result = {index_of}, {expression}, {half})", indent=indent)
            self.add(self._sweep(), indent=indent)
            self.add(f"streams = {self.tape_function('streams_of')})", indent=indent)
            for result in results:
                self._take(result, half, indent)
            self.add(f"{self.tape_function('clear')}, base, total)", indent=indent)

    def _sweep(self):
        """The source of a sweep.

        It may raise: adjoints that carry something are written to a tape too, which may be full,
        and records may call functions. Then adjoints must be 0 again for the next sweep.
        """
        sweep, node = self.name(sweeping.sweep_from, "sweep_from"), self.name(self.dual, "node")
        undone = f"{self.name(sweeping.clear_all, 'clear_all')}, ({node}, base, end, counters)"
        guard = self.name(guarded, "guarded")
        return f"{guard}({sweep}, (None, {node}, result, start, end), (), (), ({undone}))"

    def _take(self, result, half, indent):
        """Take the adjoints of an input to their place in a result."""
        by, step = result.by, indices_of(result.by.leaf.element)
        place = f"{result.name}_flat[row]" if result.output.is_array else result.name
        index = f"base + {by.name}_offset"
        if by.leaf.is_array:
            size = f"{by.name}_numbers.size"
            position = f"row * {size} + k" if result.output.is_array else "k"
            place, index = f"{result.name}_flat[{position}]", f"{index} + k * {step}"
            self.add(f"for k in range({size}):", indent=indent)
            indent += 1
        take = f"{self.tape_function('take_adjoint')}, streams, {index}"
        if self.both_parts and step == 2:
            store = self.name(store_conjugate(result.element), "store")
            self.add(f"{place} = {store}({take}), {take} + 1))", indent=indent)
            return
        store = self.name(store_half(result.element, half), "store")
        before = place if half else "0.0"
        self.add(f"{place} = {store}({before}, {take}))", indent=indent)


def indices_of(element):
    """The number of indices of a number."""
    return 2 if isinstance(number_of(element), types.Complex) else 1
