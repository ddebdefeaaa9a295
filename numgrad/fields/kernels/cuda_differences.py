"""The loop over fields for sums of differences on a GPU.

A thread takes every so many of the results, and adds up all terms of each. The differences are
data, as on the CPU, and are added in the same order.
"""

from functools import cache

from numgrad.fields.weights import ZERO
from numgrad.targets.cuda_compiler import Kernel, device
from numgrad.targets.cuda_device import loaded

cuda = loaded()  # as a global of this file, where the simulator looks for it

# What stands in which column of the table of terms; behind these, for each dimension, the steps of
# the weights and of those at the edges.
COMPONENT = 0
AXIS = 1
FIRST = 2  # points with stencils of their own
LAST = 3
SLOTS = 4
EDGE_SLOTS = 5
OFFSETS = 6  # where in their arrays the offsets begin, the weights, ...
EDGE_OFFSETS = 7
WEIGHTS = 8
WEIGHTS_STEP = 9  # between two differences
EDGE_WEIGHTS = 10
EDGE_WEIGHTS_STEP = 11
PLACES = 12  # ... and which samples stand at the places of an axis and its ghosts
BEFORE = 13  # how many ghosts there are before
TERM_COLUMNS = 14


@cache
def difference_kernel(real):
    """Make the kernel that derives into one output, in a precision."""
    number = real.type
    zero = number(0)

    def sample(memories, term, base, stride, i, offset, points, places, signs, constants):
        if offset == ZERO:
            return zero
        j = i + offset
        memory = memories[term[COMPONENT]]
        if 0 <= j < points:
            return number(memory[base + j * stride])
        at = term[PLACES] + term[BEFORE] + j
        if places[at] < 0:
            return number(constants[at])
        return number(signs[at]) * number(memory[base + places[at] * stride])

    fetch = device(sample)

    def derive(memories, result, size, lengths, terms, offsets, weights, places, signs, constants):
        count = lengths.size
        for position in range(cuda.grid(1), size, cuda.gridsize(1)):
            total = zero
            for t in range(terms.shape[0]):
                term = terms[t]
                axis = term[AXIS]
                stride, points = 1, lengths[axis]
                for d in range(axis + 1, count):
                    stride *= lengths[d]
                i = position // stride % points
                edge = -1
                if i < term[FIRST]:
                    edge = i
                elif i >= points - term[LAST]:
                    edge = term[FIRST] + i - (points - term[LAST])
                slots, at, weight, step = (
                    term[SLOTS], term[OFFSETS], term[WEIGHTS], term[WEIGHTS_STEP]
                )  # fmt: skip
                group = TERM_COLUMNS
                if edge >= 0:
                    slots, step = term[EDGE_SLOTS], term[EDGE_WEIGHTS_STEP]
                    at, weight = term[EDGE_OFFSETS] + 2 * edge * slots, term[EDGE_WEIGHTS]
                    group += count
                rest = position
                for d in range(count - 1, -1, -1):
                    place = rest % lengths[d]
                    rest //= lengths[d]
                    if d == axis and edge >= 0:
                        place = edge
                    weight += place * term[group + d]
                part = zero
                base = position - i * stride
                for s in range(slots):
                    a = fetch(
                        memories, term, base, stride, i, offsets[at + 2 * s], points, places, signs,
                        constants,
                    )  # fmt: skip
                    b = fetch(
                        memories, term, base, stride, i, offsets[at + 2 * s + 1], points, places,
                        signs, constants,
                    )  # fmt: skip
                    part += weights[weight + s * step] * (a - b)
                total += part
            result[position] = total

    return Kernel(derive)
