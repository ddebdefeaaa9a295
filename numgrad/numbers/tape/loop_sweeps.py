"""Sweeps over the records of loops: round by round, or, as vector code, statement by statement.

Adjoints lie side by side, or in lanes (`numgrad.numbers.tape.lanes`), a *width* apart; then each
lane has a sweep of its own. What is an address, or one number for all rounds, is told by its type.
"""

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from numgrad.numbers.tape import memory
from numgrad.numbers.tape.loop_layouts import (
    BY_ROUNDS,
    COUNTS,
    HEADER,
    IN_SHORT,
    LEAVES,
    OF_LEAF,
    PIECE,
    RESULTS,
    SHORT,
    STATEMENTS,
    SUMS,
    WORD,
    number_at,
)
from numgrad.numbers.words import DOUBLE, set_number_at, short_at, word_at
from numgrad.targets.options import formula, internal_njit

SIGNATURE = types.void(*[types.int64] * 6)
TOGETHER = 128  # rounds: the terms of so many stay in the first-level cache


@intrinsic
def scratch(typingctx):
    """Return the address of room for some numbers, on the stack."""

    def codegen(context, builder, sig, arguments):
        room = cgutils.alloca_once(builder, DOUBLE, size=TOGETHER)
        return builder.ptrtoint(room, memory.I64)

    return types.int64(), codegen


@formula
def add(adjoints, index, number):
    set_number_at(adjoints, index, number_at(adjoints, index) + number)


# Round by round


@formula
def pull_by_rounds(numbers, adjoints, indices, place, first, rounds, width):
    """Hand adjoints back round by round, the last one first."""
    layout = word_at(numbers, place)
    for j in range(rounds - 1, -1, -1):
        leaf = word_at(layout, LEAVES)
        result, target = word_at(layout, RESULTS), word_at(layout, SUMS)
        for s in range(word_at(layout, STATEMENTS) - 1, -1, -1):
            count = word_at(layout, COUNTS + s)
            end = leaf
            leaf -= count & ~memory.IS_SUM
            if count & memory.IS_SUM:
                target -= 1
                adjoint = number_at(adjoints, short_at(indices, place + 1 + target) * width)
            else:
                result -= 1
                own = (first + result * rounds + j) * width
                adjoint = number_at(adjoints, own)
                set_number_at(adjoints, own, 0.0)
            if adjoint == 0.0:  # whatever the partials, which may be infinite
                continue
            for k in range(leaf, end):
                index = short_at(indices, k * rounds + j) * width
                add(adjoints, index, adjoint * number_at(numbers, k * rounds + j))


# Statement by statement. What is one number for all rounds, and what an address, is told by types.


@formula
def multiply(terms, own, partials, start, count, width):
    """Write adjoints times partials; an adjoint of 0 leaves nothing of an infinite partial."""
    for k in range(count):
        adjoint = number_at(own, (start + k) * width)
        term = adjoint * number_at(partials, start + k)
        set_number_at(terms, k, term if adjoint != 0.0 else 0.0)


@internal_njit
def add_in_steps(adjoints, index, step, terms, count):
    """Add numbers to those whose indices go up by equal steps."""
    if step == 1:
        place = adjoints + WORD * index
        for k in range(count):
            add(place, k, number_at(terms, k))
    elif step == 0:
        total = number_at(adjoints, index)
        for k in range(count):
            total += number_at(terms, k)
        set_number_at(adjoints, index, total)
    else:
        for k in range(count):
            add(adjoints, index + k * step, number_at(terms, k))


@internal_njit
def add_one_by_one(adjoints, indices, terms, count, width):
    """Add numbers to those whose indices lie in memory."""
    for k in range(count):
        add(adjoints, short_at(indices, k) * width, number_at(terms, k))


@formula
def pull_piece(adjoints, index, step, own, partials, start, end, width, terms):
    """Hand adjoints of some rounds to indices that go up by equal steps."""
    if index == 0 and step == 0:  # of numbers without derivatives
        end = start
    for first in range(start, end, TOGETHER):
        count = min(end - first, TOGETHER)
        multiply(terms, own, partials, first, count, width)
        place = index + (first - start) * step
        add_in_steps(adjoints, place * width, step * width, terms, count)


@internal_njit
def pull_leaf(adjoints, indices, pieces, own, partials, rounds, width, terms):
    """Hand adjoints to indices that are told in pieces, or one by one."""
    start = 0
    for piece in range(pieces):
        index, step = short_at(indices, PIECE * piece), short_at(indices, PIECE * piece + 1)
        end = start + short_at(indices, PIECE * piece + 2)
        pull_piece(adjoints, index, step, own, partials, start, end, width, terms)
        start = end
    for first in range(start, rounds, TOGETHER):
        count = min(rounds - first, TOGETHER)
        multiply(terms, own, partials, first, count, width)
        add_one_by_one(adjoints, indices + SHORT * first, terms, count, width)


@formula
def pull_short(numbers, adjoints, indices, place, own, rounds, width, terms):
    """Hand adjoints to a leaf that is told in short, as a slot says."""
    own_indices = indices + SHORT * short_at(indices, place + 1)
    pieces = word_at(numbers, place + 1)
    if pieces & 1:
        one = number_at(numbers, place)
        pull_leaf(adjoints, own_indices, pieces >> 1, own, one, rounds, width, terms)
    else:
        partials = numbers + WORD * short_at(indices, place)
        pull_leaf(adjoints, own_indices, pieces >> 1, own, partials, rounds, width, terms)


@formula
def pull_long(adjoints, indices, own, partials, rounds, width, terms):
    """Hand adjoints to a leaf that has a number and an index in each round."""
    index = short_at(indices, 0)
    step, differ = short_at(indices, 1) - index, 0
    for k in range(rounds):
        differ |= short_at(indices, k) - index - k * step
    if differ == 0:
        pull_piece(adjoints, index, step, own, partials, 0, rounds, width, terms)
    else:
        none = types.int64(0)  # Numba would compile another function for the literal
        pull_leaf(adjoints, indices, none, own, partials, rounds, width, terms)


@formula
def pull_leaves(numbers, adjoints, indices, slots, own, first, end, rounds, width, terms):
    """Hand adjoints to some leaves; ``slots`` is where they are told in short, or negative."""
    for k in range(first, end):
        if slots >= 0:
            pull_short(numbers, adjoints, indices, slots + OF_LEAF * k, own, rounds, width, terms)
        else:
            place = k * rounds
            own_indices, partials = indices + SHORT * place, numbers + WORD * place
            pull_long(adjoints, own_indices, own, partials, rounds, width, terms)


@formula
def pull_by_statements(numbers, adjoints, indices, slots, place, first, rounds, width, terms):
    """Hand adjoints back statement by statement, the last one first."""
    layout = word_at(numbers, place)
    leaf, result, target = word_at(layout, LEAVES), word_at(layout, RESULTS), word_at(layout, SUMS)
    for s in range(word_at(layout, STATEMENTS) - 1, -1, -1):
        count = word_at(layout, COUNTS + s)
        end = leaf
        leaf -= count & ~memory.IS_SUM
        if count & memory.IS_SUM:
            target -= 1
            one = number_at(adjoints, short_at(indices, place + 1 + target) * width)
            if one != 0.0:
                pull_leaves(numbers, adjoints, indices, slots, one, leaf, end, rounds, width, terms)
        else:
            result -= 1
            own = adjoints + WORD * width * (first + result * rounds)
            pull_leaves(numbers, adjoints, indices, slots, own, leaf, end, rounds, width, terms)
            for k in range(rounds):
                set_number_at(own, k * width, 0.0)


def pull_loop(numbers, adjoints, indices, first, end, width):
    """Hand back the adjoints of a loop, whose record ends at a slot; they lie a width apart."""
    terms = scratch()
    header = indices + SHORT * (end - HEADER)
    rounds, told = short_at(header, 0), short_at(header, 1)
    slots, place = short_at(header, 2), short_at(header, 3)
    numbers += WORD * (end - short_at(header, 5))
    indices += SHORT * (end - short_at(header, 5))
    if told != IN_SHORT:
        slots = -1
    for lane in range(width):
        of_lane = adjoints + WORD * lane
        if told == BY_ROUNDS:
            pull_by_rounds(numbers, of_lane, indices, place, first, rounds, width)
        else:
            pull_by_statements(numbers, of_lane, indices, slots, place, first, rounds, width, terms)
