"""The rounds of a loop that is one record, while its code is emitted.

The code between the marks of a round writes statements to places of their own, which depend on the
round's number alone: nothing is counted there and nothing may grow, so that LLVM can make vector
code of it. It is told that these places are no part of any array.
"""

from typing import Any
from uuid import uuid4

from llvmlite import ir
from numba.core import cgutils

from numgrad.numbers.carrier import NotUniformError
from numgrad.numbers.tape import memory, registers

MOST_LEAVES = 16  # of a round: more would lie too far apart for the cache


class Rounds:
    """What each round of a loop writes, and the variables of the function that say where."""

    def __init__(self, builder: Any, words: int) -> None:
        self.words = words
        self.counts: list[int] = []  # of the leaves of each statement
        self.leaves = self.results = 0  # of a round
        self.targets: list[Any] = []  # variables: the indices of the sums that are added to
        self.is_open = False
        self.stores: list[Any] = []  # lists of instructions that write to one stream of a leaf
        self.blocks: list[Any] = []  # of LLVM, which the code of a round is in
        self.total = alloca(builder)  # of leaves, known when the function is complete
        self.rounds, self.slot, self.index, self.round, self.now = (
            alloca(builder) for _ in range(5)
        )

    def opened(self, builder: Any, rounds: Any, slot: Any, index: Any) -> None:
        """Begin with the first round."""
        numbers = rounds, slot, index, memory.I64(0)
        for place, number in zip(
            (self.rounds, self.slot, self.index, self.round), numbers, strict=True
        ):
            builder.store(number, place)

    def begin(self, builder: Any) -> None:
        """Mark where a round begins."""
        number = builder.load(self.round)
        builder.store(number, self.now)
        builder.store(builder.add(number, memory.I64(1), flags=("nuw", "nsw")), self.round)
        self.blocks = [builder.block, len(builder.function.blocks)]
        self.is_open = True

    def end(self, builder: Any) -> None:
        """Mark where a round ends."""
        first, count = self.blocks
        self.blocks = [first, *builder.function.blocks[count:]]
        self.is_open = False

    def push(self, builder: Any, context: Any, value: Any, leaves: Any, target: Any) -> Any:
        """Write a statement of this round; return its index."""
        fields = registers.fields_of(builder, self.words)
        now, rounds = builder.load(self.now), builder.load(self.rounds)
        data = context.get_data_type(value)
        for partial, index in leaves:
            before = builder.mul(rounds, memory.I64(self.leaves))
            position = builder.add(builder.add(builder.load(self.slot), before), now)
            place = registers.element(builder, fields, memory.PARTIALS, data, position)
            with self._storing(builder):
                context.pack_value(builder, value, partial, place)
            place = registers.element(builder, fields, memory.INDICES, memory.I32, position)
            with self._storing(builder):
                builder.store(builder.trunc(index, memory.I32), place)
            self.leaves += 1
        flag = 0 if target is None else memory.IS_SUM
        self.counts.append(len(leaves) | flag)
        if target is not None:
            self.targets.append(alloca(builder))
            builder.store(target, self.targets[-1])
            return None
        before = builder.mul(rounds, memory.I64(self.results))
        self.results += 1
        return builder.add(builder.add(builder.load(self.index), before), now)

    def _storing(self, builder: Any) -> "Stores":
        stores = Stores(builder)
        self.stores.append(stores)
        return stores

    # When the function is complete

    def layout(self, module: Any) -> Any:
        """Make the constant that says what a round writes; return its address."""
        words = [self.leaves, self.results, len(self.targets), len(self.counts), *self.counts]
        kind = ir.ArrayType(memory.I64, len(words))
        name = f"numgrad.layout.{uuid4().hex}"
        made = cgutils.global_constant(module, name, ir.Constant(kind, words))
        return made.ptrtoint(memory.I64)

    def instructions(self) -> Any:
        """All of a round's."""
        return (each for block in self.blocks for each in block.instructions)

    def complete(self, builder: Any) -> None:
        """Fill in what a round was found to write, after all code was written."""
        if self.leaves > MOST_LEAVES:
            raise NotUniformError
        builder.position_at_end(self.blocks[0])
        with builder.goto_entry_block():
            builder.store(memory.I64(self.leaves), self.total)
        self._tell_apart(builder.module)

    def _tell_apart(self, module: Any) -> None:
        """Tell LLVM that what a leaf writes is no part of what others write, or of any array."""
        key = uuid4().hex
        domain = module.add_metadata([f"numgrad.rounds.{key}"])
        scopes = [module.add_metadata([f"{k}.{key}", domain]) for k in range(len(self.stores))]
        all_scopes = module.add_metadata(scopes)
        own = {}
        for k, stores in enumerate(self.stores):
            others = scopes[:k] + scopes[k + 1 :]
            for store in stores.found:
                own[store] = True
                store.set_metadata("alias.scope", module.add_metadata([scopes[k]]))
                store.set_metadata("noalias", module.add_metadata(others))
        for each in self.instructions():
            if each.opname in ("load", "store") and each not in own:
                each.set_metadata("noalias", all_scopes)


class Stores:
    """The stores that are emitted in a context."""

    def __init__(self, builder: Any) -> None:
        self.builder = builder
        self.found: list[Any] = []

    def __enter__(self) -> None:
        self.block = self.builder.block
        self.count = len(self.block.instructions)

    def __exit__(self, *_: object) -> None:
        if self.builder.block is self.block:
            added = self.block.instructions[self.count :]
            self.found = [each for each in added if each.opname == "store"]


def alloca(builder: Any) -> Any:
    return cgutils.alloca_once(builder, memory.I64)


def kept_in(function: Any) -> dict[Any, Rounds] | None:
    """The loops of a function that are records; None where there may be none."""
    return getattr(function, "numgrad_loops", None)


def current(builder: Any) -> Rounds | None:
    """The rounds that code is being emitted for, or None."""
    loops = kept_in(builder.function) or {}
    return next((each for each in loops.values() if each.is_open), None)
