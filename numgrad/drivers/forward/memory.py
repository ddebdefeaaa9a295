"""The caller's memory in the passes of a derivative: duals for it, checks, copies."""

from collections.abc import Callable
from math import prod
from typing import Any

from numba import types

from numgrad.drivers import chunks, layouts, state
from numgrad.drivers.forward.guarded import guarded
from numgrad.drivers.forward.inputs import Input
from numgrad.drivers.forward.objects import GivenObject
from numgrad.drivers.given_objects import give_back
from numgrad.drivers.randomness import (
    ALL_GENERATORS,
    keep,
    put_back_generators,
    states_size,
)
from numgrad.drivers.structure import Leaf, argument, position_of
from numgrad.numbers.dual.type import DualType
from numgrad.numbers.layouts import as_constant
from numgrad.targets import cuda_device
from numgrad.twin.errors import DifferentiationError


class CallersMemory:
    """The part of the source of passes that stands between the arguments and the function."""

    # What the passes know, and how they write their source
    function: Any  # as Numba compiles it
    kinds: tuple[types.Type, ...]
    inputs: list[Input]
    seeded: list[Input]
    state: list[tuple[str, Any]]
    dual: DualType
    is_watched: bool
    call: tuple[str, str]  # the function and its arguments
    name: Callable[[Any, str], str]
    add: Callable[..., None]
    working_array: Callable[[str, str], str]
    flat: Callable[[types.Type, str], str]
    _dual_name: Callable[[Input], str]
    _duals_like: Callable[[Leaf, str], str]
    objects: list[GivenObject]
    pairs_of_objects: Callable[[], list[tuple[str, str]]]
    check_apart: Callable[[set[str]], None]

    def check_unshared(self):
        """Raise if an argument that the function writes has an alias among the others.

        What it writes to arrays of floats is seen in their duals alone. In arrays of anything else
        it is seen wherever they are, but for duals of the same memory.
        """
        if cuda_device.in_kernel():
            return
        check = self.name(chunks.check_unshared, "check_unshared")
        arrays = [
            array
            for position, kind in enumerate(self.kinds)
            for array in state.arrays_in(argument(position), kind)
        ]
        duals = {each.leaf.expression for each in self.inputs if each.in_array}
        written = {each.leaf.expression for each in self.inputs if each.written}
        in_place = {expression for expression, _ in self.state}
        self.check_apart(written)
        for expression, kind in arrays:
            if expression not in written | in_place:
                continue
            others = [
                other
                for other, _ in arrays
                if other != expression and (expression in written or other in duals)
            ]
            if others:
                self.add(f"{check}({expression}, ({''.join(f'{other}, ' for other in others)}))")
            if expression in written and kind.layout == "A" and kind.ndim:
                distinct = self.name(layouts.check_written_distinct, "check_distinct")
                self.add(f"{distinct}({expression})")

    def check_out(self, places):
        """Raise if results would overwrite each other within one array of the caller's."""
        for place in places:
            if place.kind.layout == "A" and place.kind.ndim:
                check = self.name(layouts.check_distinct, "check_distinct")
                self.add(f"{check}({place.expression})")

    def save(self, more):
        """Save the state that the function may write, if there is another pass.

        ``more`` is the source of whether there is, or False; and there may always be a careful one.
        """
        if more and self.state and cuda_device.in_kernel():
            self._check_one_pass()
        if not self.state or not (more or self.is_watched):
            return
        if not self.is_watched:
            self.add(f"if {more}:")
        for k, (expression, kind) in enumerate(self.state):
            self.add(*self._saved(k, expression, kind), indent=1 if self.is_watched else 2)

    def _check_one_pass(self):
        """Raise if a kernel, which can't copy what others may write too, needs more passes."""
        sizes = [getattr(each.leaf.kind, "sizes", ()) for each in self.seeded]
        if sum(map(prod, sizes)) > self.dual.count:
            raise TypeError(
                f"in a kernel {self.function.py_func.__name__} writes to an argument that holds no "
                f"floats, and would be called once for every {self.dual.count} inputs: let it "
                "write to an array of its own"
            )
        self.state = []

    def _saved(self, k, expression, kind):
        if kind is ALL_GENERATORS:
            size = f"({self.name(states_size, 'states_size')}(),)"
            states = self.working_array(size, self.name(types.uint8, "element"))
            return [f"saved{k} = {states}", f"{self.name(keep, 'keep')}(saved{k})"]
        if not state.can_be_saved(kind):
            position = position_of(expression)
            message = self.name(state.unsaved_message(self.function, position, kind), "message")
            return [f"raise {self.name(DifferentiationError, 'error')}({message})"]
        if isinstance(kind, types.Array):
            line = self.working_array(f"({expression}.size,)", self.name(kind.dtype, "element"))
            return [f"saved{k} = {self.name(chunks.in_line, 'in_line')}({expression}, {line})"]
        return [f"saved{k} = {self.name(state.saved, 'saved')}({expression})"]

    def put_back(self, indent):
        """Put back the state that the function may write."""
        for k, (expression, kind) in enumerate(self.state):
            if kind is ALL_GENERATORS:
                put_back = self.name(put_back_generators, "put_back")
                self.add(f"{put_back}(saved{k})", indent=indent)
            elif state.can_be_saved(kind):
                put_back = self.name(state.put_back, "put_back")
                self.add(f"{put_back}({expression}, saved{k})", indent=indent)

    def _prepare_duals(self, each):
        """Allocate an array of duals; its elements are found in C order as those of the numbers."""
        leaf, name, dual = each.leaf, each.name, self._dual_name(each)
        self.add(f"{name}_numbers = {self.flat(leaf.kind, leaf.expression)}")
        if not each.in_line:
            steps = layouts.fortran_steps if leaf.kind.layout == "F" else layouts.steps_like
            lying_like = self.name(layouts.lying_like, "lying_like")
            extent = self.name(layouts.extent_of, "extent")
            memory = f"({extent}({leaf.expression}.shape, {name}_steps),)"
            memory = self.working_array(memory, dual)
            self.add(
                f"{name}_steps = {self.name(steps, 'steps')}({leaf.expression})",
                f"{name}_dual = {lying_like}({leaf.expression}, {name}_steps, {memory})",
            )
            return
        self.add(
            f"{name}_dual = {self._duals_like(leaf, dual)}",
            f"{name}_duals = {self.flat(types.Array(self.dual, 1, 'C'), f'{name}_dual')}",
        )
        if not (leaf.kind.mutable or cuda_device.in_kernel()):
            self.add(f"{name}_dual = {self.name(as_constant, 'as_constant')}({name}_dual)")

    def _guarded(self):
        """Return the source of the call, which leaves the caller's arrays right if it raises."""
        function, arguments = self.call
        written = [each for each in self.inputs if each.written]
        undone = self._undone()
        if not (written or undone or self.objects) or cuda_device.in_kernel():
            return f"{function}({arguments})"
        pairs = [(each.leaf.expression, f"{each.name}_dual") for each in written]
        pairs += self.pairs_of_objects()
        targets = "".join(f"{target}, " for target, _ in pairs)
        sources = "".join(f"{source}, " for _, source in pairs)
        guard = self.name(guarded, "guarded")
        return f"{guard}({function}, (None, {arguments}), ({targets}), ({sources}), ({undone}))"

    def _undone(self):
        """The source of what is done if the call raises: a function and a tuple of arguments."""
        return ""

    def restore(self):
        """Let arrays that the function writes hold what it leaves in them."""
        for each in self.inputs:
            if each.written:
                function = self.name(chunks.store_values, "store_values")
                self.add(f"{function}({each.leaf.expression}, {each.name}_dual)")
        for target, source in self.pairs_of_objects():
            self.add(f"{self.name(give_back, 'give_back')}({target}, {source})")
