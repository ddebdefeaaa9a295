"""Records in a sweep from several results at once: each lane that has adjoints goes by itself.

The pullback takes and hands back adjoints where they lie for one result; from the targets that the
record tells they are added to those in the lane.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from numgrad.numbers.tape.records import HEADER, TARGETS, adjoints_in, indices_in
from numgrad.numbers.tape.sweeping import pull_record
from numgrad.targets.options import internal_njit

LANES = 4
VECTOR = ir.VectorType(ir.DoubleType(), LANES)
PLACES = types.UniTuple(types.int64, 2)  # their number, and their address


def lane_place(builder, lanes, index, kind=VECTOR):
    """The place of the adjoints of an index."""
    start = builder.inttoptr(builder.extract_value(lanes, 1), VECTOR.as_pointer())
    place = builder.gep(start, [index], inbounds=True)
    return builder.bitcast(place, kind.as_pointer())


@intrinsic
def lanes_in(typingctx, lanes, first, count):
    """Return the adjoints of indices one after the other as a matrix with a column a lane."""
    array = types.Array(types.float64, 2, "C")

    def codegen(context, builder, sig, arguments):
        lanes, first, count = arguments
        size = context.get_constant(types.intp, 8)
        made = context.make_array(array)(context, builder)
        context.populate_array(
            made,
            data=lane_place(builder, lanes, first, ir.DoubleType()),
            shape=[count, context.get_constant(types.intp, LANES)],
            strides=[context.get_constant(types.intp, 8 * LANES), size],
            itemsize=size,
            meminfo=None,
        )
        return made._getvalue()

    return array(PLACES, types.int64, types.int64), codegen


@internal_njit
def pull_record_in_lanes(node, streams, lanes, end, last):
    """Hand the adjoints of a record back; return where what is before it ends."""
    header = indices_in(node, streams, end - HEADER, HEADER)
    at, count = np.int64(header[TARGETS]), np.int64(header[TARGETS + 1])
    results, start = np.int64(header[-2]), end - np.int64(header[-1])
    first = last + 1 - results
    own, adjoints = lanes_in(lanes, first, results), adjoints_in(node, streams, first, results)
    listed = indices_in(node, streams, start + at if count < 0 else start, max(0, -count))
    for lane in range(LANES):
        if not take_column(own, lane, adjoints):
            continue
        pull_record(node, streams, end, last)
        for k in range(np.abs(count)):
            index = at + k if count > 0 else np.int64(listed[k])
            handed = adjoints_in(node, streams, index, 1)
            lanes_in(lanes, index, 1)[0, lane] += handed[0]
            handed[0] = 0.0
    return first, start


@internal_njit
def take_column(matrix, column, vector):
    """Take the numbers of a column, which are 0 from then on; return whether any was not."""
    is_anything = False
    for k in range(vector.size):
        vector[k] = matrix[k, column]
        matrix[k, column] = 0.0
        is_anything |= vector[k] != 0.0
    return is_anything
