"""A step that is applied many times, with few states kept in the sweep.

The sweep needs the states in the reverse order. From the initial one, some are computed and kept;
those between them are computed again when it is their turn, from the last one that is kept. Where
to keep them, so that as few steps as possible are computed again: A. Griewank and A. Walther,
"Algorithm 799: revolve", ACM Transactions on Mathematical Software 26 (2000), 19-45.
"""

import numpy as np

from numgrad.drivers.reverse.again import Again
from numgrad.drivers.structure import leaves, mapped, source_of, structure_of
from numgrad.numbers.carrier import is_active
from numgrad.targets.options import internal_njit


def states_to_keep(count: int, states: int | None) -> int:
    """The number of states to keep of those of some steps, where one is asked for or none."""
    states = count.bit_length() + 2 if states is None else states
    return max(1, min(states, count))


@internal_njit
def next_position(position, end, states):
    """The next state to keep of those from one to before the end, with so many states to keep.

    Counted with the first, which is kept. The names of the binomial coefficients are those of the
    paper's program.
    """
    steps = end - position
    repetitions, reach = 0, 1
    while reach < steps:
        repetitions += 1
        reach = reach * (repetitions + states) // repetitions
    bino1 = reach * repetitions // (states + repetitions)
    bino2 = bino1 * states // (states + repetitions - 1) if states > 1 else 1
    if states == 1:
        bino3 = 0
    else:
        bino3 = bino2 * (states - 1) // (states + repetitions - 2) if states > 2 else 1
    bino4 = bino2 * (repetitions - 1) // states
    if states < 3:
        bino5 = 0
    else:
        bino5 = bino3 * (states - 1) // repetitions if states > 3 else 1
    if steps <= bino1 + bino3:
        found = position + bino4
    elif steps >= reach - bino5:
        found = position + bino1
    else:
        found = end - bino2 - bino3
    return min(max(found, position + 1), end - 1)


class Iterated(Again):
    """The record of a step that is applied many times; the state is the first argument."""

    maker = "iterate"

    def __init__(self, loop, step, kinds, node, count, states, *, copies):
        self.step, self.count, self.states = step, count, states
        self.state = []
        self.copies = copies  # whether a state is to be a copy of what the step returns
        super().__init__(loop, kinds, node)
        # what comes in may lack derivatives that the first step gives it
        self.value_kinds[0] = self._cotangent_kind()
        self.state = leaves(structure_of("state", self.value_kinds[0]))

    def pullback(self):
        """The function that goes back step by step and hands adjoints back."""
        self._restore_all(lambda k: f"{'i' if k < len(self.state) else 'v'}{k}")
        self._take_cotangents()
        self._prepare()
        self._go_back()
        self.add("streams = streams_of(node)")
        for k, leaf in enumerate(self.leaves):
            if is_active(leaf.element, self.node):
                self._give(k, leaf, f"c{k}" if k < len(self.state) else f"g{k}")
        self.by = *range(len(self.state)), *(k for k in self.by if k >= len(self.state))
        self.names |= {
            "next_position": next_position,
            "positions_of": positions_of,
            "step": self._of_values(self.step),
        }
        self.names["run"] = self._products("step")
        return self._compiled()

    def _prepare(self):
        """Make room for the states that are kept, and for the derivatives by the arguments."""
        for k, leaf in enumerate(self.state):
            shape = f"i{k}.shape" if leaf.is_array else "()"
            element = self._named(leaf.element, "element")
            self.add(f"kept{k} = allocate(({self.states},) + {shape}, {element})")
            self.add(f"kept{k}[0] = i{k}")
        for k, leaf in enumerate(self.leaves[len(self.state) :], len(self.state)):
            if is_active(leaf.element, self.node):
                self.add(f"g{k} = v{k} * 0.0")
        self.add(f"positions = positions_of({self.states})", f"used, last = 1, {self.count}")

    def _go_back(self):
        """Go back from the last step to the first."""
        self.add("while last > 0:", "    at = positions[used - 1]")
        for k, leaf in enumerate(self.state):
            self.add(f"    v{k} = {self._copied(leaf, f'kept{k}[used - 1]')}")
        given = ", ".join(self.values)
        self.add(
            "    while last - at > 1:",
            "        target = last - 1",
            f"        if used < {self.states}:",
            f"            target = next_position(at, last, {self.states} - used + 1)",
            "        for _ in range(at, target):",
            f"            state = step({given})",
            *(f"            v{k} = {self._next(leaf)}" for k, leaf in enumerate(self.state)),
            "        at = target",
            f"        if used < {self.states}:",
            *(f"            kept{k}[used] = v{k}" for k in range(len(self.state))),
            "            positions[used] = at",
            "            used += 1",
        )
        cotangents = dict(zip(leaves(self.outputs), self._names_of("c"), strict=True))
        packed = source_of(mapped(cotangents.get, self.outputs))
        self.add(f"    _, products = run((None, {self._of_leaves('v{}')}{packed}), None)")
        for k in range(len(self.state)):
            self.add(f"    c{k} = products[{k}]")
        for k, leaf in enumerate(self.leaves[len(self.state) :], len(self.state)):
            if is_active(leaf.element, self.node):
                self.add(f"    g{k} = g{k} + products[{k}]")
        self.add(
            "    last -= 1",
            "    while used > 0 and positions[used - 1] >= last:",
            "        used -= 1",
        )

    def _kind_of_leaf(self, k):
        return self.state[k].kind if k < len(self.state) else super()._kind_of_leaf(k)

    def _copied(self, leaf, expression):
        """The source of a leaf of the state as a new array."""
        if not leaf.is_array:
            return expression
        return f"values_in(node, {expression}, {self._named(leaf.element, 'element')})"

    def _next(self, leaf):
        return self._copied(leaf, leaf.expression) if self.copies else leaf.expression

    def _names_of(self, letter):
        return [f"{letter}{k}" for k in range(len(self.state))]


@internal_njit
def positions_of(states):
    return np.zeros(states, np.int64)
