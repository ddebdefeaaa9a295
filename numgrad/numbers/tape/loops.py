"""A loop whose rounds all write the same statements, as one record.

The partials by one leaf in all rounds lie side by side, as do their indices, so that LLVM makes
vector code of the loop and of the sweep. The *layout* of the record says how many leaves each
statement of a round has; the code of the loop knows it, and the record has its address.

Adjoints are handed back statement by statement, the last one first, over all rounds at once. That
is right where no round reads what a later statement, or its own in another round, has written. Else
they are handed back round by round.

What completes such records and sweeps over them is compiled once, and kept on disk.
"""

from functools import cache
from typing import Any

from numba import types
from numba.core import cgutils

from numgrad.numbers.tape import loop_records, loop_sweeps, memory, registers, threads
from numgrad.numbers.tape.loop_layouts import HEADER, OF_LEAF, ROOM
from numgrad.numbers.tape.rounds import Rounds, kept_in
from numgrad.numbers.tape.statements import partial_type, reserve, words_of
from numgrad.numbers.tape.type import TapeNumber
from numgrad.targets.cache import callback
from numgrad.targets.symbols import NEEDED

_kept: list[Any] = []  # the functions that other code has the addresses of


@cache
def register() -> None:
    """Compile what completes records and sweeps over them, and let other code find it."""
    for place, signature, function in (
        (threads.CLOSE_LOOP, loop_records.SIGNATURE, loop_records.close_rounds),
        (threads.PULL_LOOP, loop_sweeps.SIGNATURE, loop_sweeps.pull_loop),
    ):
        compiled = callback(signature, function)
        _kept.append(compiled)
        threads.STATE[place] = compiled.address
    NEEDED.append(Needed())


class Needed:
    """A constant of machine code in which loops are records: see `memory.Needed`."""

    def __reduce__(self) -> tuple[Any, ...]:
        return restored, ()


def restored() -> Needed:
    register()
    return Needed()


class Loops:
    """The marks of loops that are records, in machine code; nothing where there may be none."""

    @staticmethod
    def open(context, builder, argtypes, rounds):
        """Have room for what some rounds write."""
        loops, node = kept_in(builder.function), argtypes[0].instance_type.stored
        if loops is None or partial_type(node.value) != types.float64:
            return
        register()
        words = words_of(context, node.value)
        made, fields = Rounds(builder, words), registers.fields_of(builder, words)
        loops[argtypes[1]] = made
        of_leaf = builder.add(rounds, memory.I64(OF_LEAF + 1 + ROOM))
        slots = builder.mul(builder.load(made.total), of_leaf)
        slots = builder.add(slots, memory.I64(HEADER + 1))
        first, index = (fields.get(builder, field) for field in (memory.LEAVES, memory.STATEMENTS))
        reserve(context, builder, fields, builder.add(first, slots), slots)
        made.opened(builder, rounds, first, index)

    @staticmethod
    def begin(context, builder, argtypes):
        """Mark where a round begins."""
        made = (kept_in(builder.function) or {}).get(argtypes[1])
        if made is not None:
            made.begin(builder)

    @staticmethod
    def end(context, builder, argtypes):
        """Mark where a round ends."""
        made = (kept_in(builder.function) or {}).get(argtypes[1])
        if made is not None:
            made.end(builder)

    @staticmethod
    def close(context, builder, argtypes):
        """Complete the record, after the last round."""
        made = (kept_in(builder.function) or {}).get(argtypes[1])
        if made is None:
            return
        targets = cgutils.alloca_once(builder, memory.I64, size=max(len(made.targets), 1))
        for k, target in enumerate(made.targets):
            builder.store(builder.load(target), builder.gep(targets, [memory.I32(k)]))
        fields = registers.fields_of(builder, made.words)
        given = [
            builder.ptrtoint(fields.tape, memory.I64),
            *(builder.load(each) for each in (made.rounds, made.slot, made.index)),
            made.layout(builder.module),
            builder.ptrtoint(targets, memory.I64),
        ]
        memory.call_registered(builder, threads.CLOSE_LOOP, given)


TapeNumber.loops = Loops
