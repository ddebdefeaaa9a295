"""Sets of inputs in memory: those of numbers of a function of many inputs.

A set is told by its address. It holds the address of the block of memory that it lies in, a count,
and that many inputs in ascending order. Beyond some number of inputs it is a *join* instead: two
other sets, whose inputs are found out when somebody asks. So a sum over all inputs takes memory
for each term once, and a function of a few inputs each, however many steps it takes, small sets.

A set that another contains adds nothing: the union is that other one. So a loop that goes on with
the same inputs makes one set, and not one a round.

A block has a fixed size. Where it is full, unions go on without what they would add, and the block
says how much was wanted: whoever gave it runs the function again, with a larger one.
"""

from typing import Any

import numpy as np

from numgrad.numbers.words import added_at, set_short_at, set_word_at, short_at, word_at
from numgrad.targets.options import internal_njit

EMPTY = 1  # the set of a number that was made; 0 is that of memory that nobody wrote to
LONGEST = 32  # of the lists of inputs
JOIN = -1  # in the place of the count

USED, SIZE, FIRST = 0, 1, 8  # words of a block: bytes in use and in all; the first set

# Of a set: the block is its first word, the count and a mark share the second. Of a join follow two
# sets, and the next join of those that are still to be gone through.
COUNT, INPUTS = 2, 4  # in short words
MARK, LEFT, RIGHT, NEXT = 1, 2, 3, 4  # in words; a mark is in the upper half


def new_block(bytes_in_all):
    """Return a block of memory for sets."""
    block = np.empty(max(bytes_in_all // 8, 2 * FIRST), np.int64)
    block[USED], block[SIZE] = FIRST * 8, block.nbytes
    return block


def wanted(block: Any) -> int:
    """Return the bytes of a block that unions have asked for."""
    return int(block[USED])


@internal_njit
def is_full(block):
    return block[USED] > block[SIZE]


@internal_njit
def claimed(block, size):
    """Return the address of so many bytes of a block, or 0."""
    size = (size + 7) & ~7
    before = added_at(block, size)
    return block + before if before + size <= word_at(block, SIZE) else 0


@internal_njit
def single(block, number):
    """Return the set of one input, in the block at an address."""
    made = claimed(block, 4 * (INPUTS + 1))
    if made == 0:
        return EMPTY
    set_word_at(made, 0, block)
    set_word_at(made, MARK, 1)
    set_short_at(made, INPUTS, number)
    return made


@internal_njit
def united(first, second):
    """Return the set of all inputs in two sets."""
    if first == second or second <= EMPTY:
        return max(first, second)
    return second if first <= EMPTY else united_lists(first, second)


@internal_njit
def united_lists(first, second):
    m, n = short_at(first, COUNT), short_at(second, COUNT)
    if m == JOIN or n == JOIN:
        return joined(first, second, m, n)
    i, j, count = 0, 0, 0
    while i < m and j < n:
        x, y = short_at(first, INPUTS + i), short_at(second, INPUTS + j)
        i += x <= y
        j += y <= x
        count += 1
    count += (m - i) + (n - j)
    if count == m:
        return first
    if count == n:
        return second
    return merged(first, second, m, n, count) if count <= LONGEST else join(first, second)


@internal_njit
def merged(first, second, m, n, count):
    """Return the list of the inputs in two lists."""
    block = word_at(first, 0)
    made = claimed(block, 4 * (INPUTS + count))
    if made == 0:
        return first
    set_word_at(made, 0, block)
    set_word_at(made, MARK, count)
    i, j = 0, 0
    for k in range(count):
        if j >= n or (i < m and short_at(first, INPUTS + i) <= short_at(second, INPUTS + j)):
            number = short_at(first, INPUTS + i)
            j += j < n and short_at(second, INPUTS + j) == number
            i += 1
        else:
            number = short_at(second, INPUTS + j)
            j += 1
        set_short_at(made, INPUTS + k, number)
    return made


@internal_njit
def join(first, second):
    """Return two sets as one."""
    block = word_at(first, 0)
    made = claimed(block, 8 * (NEXT + 1))
    if made == 0:
        return first
    set_word_at(made, 0, block)
    set_word_at(made, MARK, 0xFFFFFFFF)
    set_word_at(made, LEFT, first)
    set_word_at(made, RIGHT, second)
    return made


@internal_njit
def joined(first, second, m, n):
    """Return the join of two sets, unless one is a part of the other that is seen at once."""
    if m == JOIN and (word_at(first, LEFT) == second or word_at(first, RIGHT) == second):
        return first
    if n == JOIN and (word_at(second, LEFT) == first or word_at(second, RIGHT) == first):
        return second
    return join(first, second)


@internal_njit
def gather(inputs, mark, seen, found, count):
    """Append the inputs in a set to those found, each once; return how many there are then.

    ``seen`` has for each input the mark with which it was found last, which is new for each set
    that is asked for, and so have the joins. Where ``found`` has no room, inputs are counted alone.
    """
    if inputs <= EMPTY:
        return count
    waiting = 0  # the joins whose right sets are still to be gone through
    while True:
        if short_at(inputs, COUNT) != JOIN:
            for k in range(short_at(inputs, COUNT)):
                number = short_at(inputs, INPUTS + k)
                if seen[number] != mark:
                    seen[number] = mark
                    if count < found.size:
                        found[count] = number
                    count += 1
        elif short_at(inputs, COUNT + 1) != mark:
            set_short_at(inputs, COUNT + 1, mark)
            set_word_at(inputs, NEXT, waiting)
            waiting, inputs = inputs, word_at(inputs, LEFT)
            continue
        if waiting == 0:
            return count
        waiting, inputs = word_at(waiting, NEXT), word_at(waiting, RIGHT)
