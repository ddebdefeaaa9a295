"""How the record of a loop lies on a tape, and how code reads it.

A *layout* says what each round writes, in words: how many leaves, results, sums and statements, and
of each statement the number of its leaves, with a flag where it adds to a sum. Code has it as a
constant, and the record its address.
"""

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from numgrad.numbers.tape import memory
from numgrad.numbers.words import DOUBLE, loaded

LEAVES, RESULTS, SUMS, STATEMENTS, COUNTS = range(5)  # of a layout: words

# How a record is told and swept: the partials and the indices of each leaf side by side, and swept
# in one of two orders; or without what can be told in a few words.
BY_ROUNDS, BY_STATEMENTS, IN_SHORT = range(3)

WORD, SHORT = 8, 4  # bytes of numbers and indices
HEADER = 6  # whole numbers at the end: rounds, how it is told, where what is said of leaves and of
# the loop begins, the number of results, that of all slots
OF_LEAF = 2  # slots that say how the partials and the indices of a leaf are told in short
PIECE = 3  # whole numbers of a piece of indices: the first, the step, how many
ROOM = 4 * PIECE  # slots that the pieces of one leaf may take


@intrinsic
def number_at(typingctx, numbers, k):
    """Return a number of those at an address; one number is the same everywhere."""

    def codegen(context, builder, sig, arguments):
        is_one = isinstance(numbers, types.Float)
        return arguments[0] if is_one else loaded(builder, DOUBLE, *arguments)

    return types.float64(numbers, types.int64), codegen


@intrinsic
def move(typingctx, target, source, size):
    """Move bytes of memory, which may overlap."""

    def codegen(context, builder, sig, arguments):
        places = [builder.inttoptr(each, memory.POINTER) for each in arguments[:2]]
        cgutils.raw_memmove(builder, *places, arguments[2], 1)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), codegen
