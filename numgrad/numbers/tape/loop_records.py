"""Completing the record of a loop: what can be told in short, is.

Partials that are one number in all rounds are told by that number; indices that go up by equal
steps by pieces. A stencil leaves a few words of each loop, whatever its length. What stays moves up
to the first slot, and the next loop writes to the same memory, while it is in the cache.
"""

from numba import types

from numgrad.numbers.tape import memory
from numgrad.numbers.tape.loop_layouts import (
    BY_ROUNDS,
    BY_STATEMENTS,
    COUNTS,
    HEADER,
    IN_SHORT,
    LEAVES,
    OF_LEAF,
    PIECE,
    RESULTS,
    ROOM,
    SHORT,
    STATEMENTS,
    SUMS,
    WORD,
    move,
)
from numgrad.numbers.words import set_byte_at, set_short_at, set_word_at, short_at, word_at
from numgrad.targets.options import formula

FEW = 128  # rounds: fewer aren't told in short
TOGETHER = 64  # indices that are looked at together

SIGNATURE = types.void(*[types.int64] * 6)


@formula
def largest_of(indices, count):
    largest = 0
    for k in range(count):
        largest = max(largest, short_at(indices, k))
    return largest


@formula
def are_made_before(indices, rounds, layout, first_result):
    """Whether each statement reads what was made before the loop, or by statements before it."""
    made = first_result
    for s in range(word_at(layout, STATEMENTS)):
        count = word_at(layout, COUNTS + s)
        leaves = count & ~memory.IS_SUM
        if largest_of(indices, leaves * rounds) >= made:
            return False
        indices += SHORT * leaves * rounds
        if not count & memory.IS_SUM:
            made += rounds
    return True


@formula
def follow(indices, first, step, count):
    """Whether indices go up by equal steps."""
    differ = 0
    for k in range(count):
        differ |= short_at(indices, k) - first - k * step
    return differ == 0


@formula
def length_of_piece(indices, step, count):
    """How many of some indices go up by equal steps, the first two at least."""
    first, length = short_at(indices, 0), 2
    while length < count:
        few = min(count - length, TOGETHER)
        if not follow(indices + SHORT * length, first + length * step, step, few):
            while short_at(indices, length) - first == length * step:
                length += 1
            break
        length += few
    return length


@formula
def tell_pieces(indices, rounds, pieces):
    """Write the pieces of indices that go up by equal steps; 0 of them if there are too many."""
    count, start = 0, 0
    while start < rounds:
        if count == ROOM // PIECE:
            return 0
        place = indices + SHORT * start
        first, step, length = short_at(place, 0), 0, 1
        if start + 1 < rounds:
            step = short_at(place, 1) - first
            length = length_of_piece(place, step, rounds - start)
        set_short_at(pieces, PIECE * count, first)
        set_short_at(pieces, PIECE * count + 1, step)
        set_short_at(pieces, PIECE * count + 2, length)
        start += length
        count += 1
    return count


@formula
def largest_in(pieces, count):
    largest = 0
    for piece in range(count):
        first, step = short_at(pieces, PIECE * piece), short_at(pieces, PIECE * piece + 1)
        length = short_at(pieces, PIECE * piece + 2)
        largest = max(largest, first, first + step * (length - 1))
    return largest


@formula
def tell_indices(indices, rounds, layout, first_result, counts, pieces):
    """Find the pieces of all leaves, and whether all was made before, as `are_made_before` does."""
    leaf, made = 0, first_result
    for s in range(word_at(layout, STATEMENTS)):
        count = word_at(layout, COUNTS + s)
        for k in range(leaf, leaf + (count & ~memory.IS_SUM)):
            own, told = indices + SHORT * k * rounds, pieces + SHORT * ROOM * k
            found = tell_pieces(own, rounds, told)
            set_word_at(counts, OF_LEAF * k, found)
            last = largest_in(told, found) if found else largest_of(own, rounds)
            if last >= made:
                return False
        leaf += count & ~memory.IS_SUM
        if not count & memory.IS_SUM:
            made += rounds
    return True


@formula
def are_one(numbers, count):
    """Whether numbers are one, bit for bit."""
    first, start, differ = word_at(numbers, 0), 0, 0
    while start < count and differ == 0:
        end = min(start + TOGETHER, count)
        for k in range(start, end):
            differ |= word_at(numbers, k) ^ first
        start = end
    return differ == 0


@formula
def leave_out(numbers, indices, rounds, leaves):
    """Leave out what has been told in a few words; return how many slots are left.

    Behind them is what is said of each leaf: where its numbers and indices are, from the first
    slot on, the one partial that it may have, and the number of pieces of its indices.
    """
    count = rounds * leaves
    number_end, index_end = 0, 0
    for k in range(leaves):
        own_numbers, own_indices = numbers + WORD * k * rounds, indices + SHORT * k * rounds
        told = count + OF_LEAF * k
        set_short_at(indices, told, number_end)
        set_short_at(indices, told + 1, index_end)
        pieces = word_at(numbers, told + 1)
        set_word_at(numbers, told, word_at(own_numbers, 0))
        is_one = are_one(own_numbers, rounds)
        if not is_one:
            move(numbers + WORD * number_end, own_numbers, WORD * rounds)
            number_end += rounds
        set_word_at(numbers, told + 1, 2 * pieces + is_one)
        if pieces:
            of_leaf = indices + SHORT * (count + OF_LEAF * leaves + ROOM * k)
            move(indices + SHORT * index_end, of_leaf, SHORT * PIECE * pieces)
            index_end += PIECE * pieces
        else:
            move(indices + SHORT * index_end, own_indices, SHORT * rounds)
            index_end += rounds
    end = max(number_end, index_end)
    move(numbers + WORD * end, numbers + WORD * count, WORD * OF_LEAF * leaves)
    move(indices + SHORT * end, indices + SHORT * count, SHORT * OF_LEAF * leaves)
    return end


def close_rounds(tape, rounds, first_slot, first_result, layout, targets):
    """Complete the record of a loop, from all addresses and numbers that its code knows."""
    numbers = word_at(tape, memory.PARTIALS) + WORD * first_slot
    indices = word_at(tape, memory.INDICES) + SHORT * first_slot
    leaves, sums = word_at(layout, LEAVES), word_at(layout, SUMS)
    told, slots, end = BY_ROUNDS, rounds * leaves, rounds * leaves
    if rounds < FEW:
        if are_made_before(indices, rounds, layout, first_result):
            told = BY_STATEMENTS
    else:
        counts, pieces = numbers + WORD * (end + 1), indices + SHORT * (end + OF_LEAF * leaves)
        if tell_indices(indices, rounds, layout, first_result, counts, pieces):
            told, slots = IN_SHORT, leave_out(numbers, indices, rounds, leaves)
            end = slots + OF_LEAF * leaves
    set_word_at(numbers, end, layout)
    for k in range(sums):
        set_short_at(indices, end + 1 + k, word_at(targets, k))
    results = max(rounds * word_at(layout, RESULTS), 1)
    room = max(end + 1 + sums + HEADER, results)  # there is as much room for indices
    header = indices + SHORT * (room - HEADER)
    set_short_at(header, 0, rounds)
    set_short_at(header, 1, told)
    set_short_at(header, 2, slots)
    set_short_at(header, 3, end)
    set_short_at(header, 4, results)
    set_short_at(header, 5, room)
    set_byte_at(word_at(tape, memory.COUNTS), first_result + results - 1, memory.LOOP)
    set_word_at(tape, memory.LEAVES, first_slot + room)
    set_word_at(tape, memory.STATEMENTS, first_result + results)
