"""Products of matrices in records: of floats by BLAS alone, without what Numba's own dot checks.

That took a third of the time in which a product is compiled.
"""

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload
from numba.np import linalg

from numgrad.targets.options import INTERNAL


def multiplied(a, b):
    """Return the product of two matrices, whose sizes fit."""
    raise NotImplementedError("compiled code only")


@overload(multiplied, jit_options=INTERNAL, strict=False)
def _multiplied(a, b):
    if not (a.dtype == b.dtype == types.float64 and {a.layout, b.layout} <= set("CF")):
        return lambda a, b: np.dot(a, b)

    def by_blas(a, b):
        out = np.empty((a.shape[0], b.shape[1]), np.float64)
        multiply(a, b, out)
        return out

    return by_blas


@intrinsic
def multiply(typingctx, a, b, out):
    """Store the product of two matrices of floats; one that has one row or column is a vector."""
    linalg.ensure_blas()

    def codegen(context, builder, sig, arguments):
        left, right, result = (
            context.make_array(kind)(context, builder, value)
            for kind, value in zip(sig.args, arguments, strict=True)
        )
        rows, inner, columns = (
            builder.extract_value(array.shape, k) for array, k in ((left, 0), (left, 1), (right, 1))
        )

        def by_vector(kind, matrix, vector, do_transpose):
            shape = cgutils.unpack_tuple(builder, matrix.shape)
            data = matrix.data, vector.data, result.data
            linalg.call_xxgemv(context, builder, do_transpose, kind, shape, *data)

        def by_matrix():
            given = []
            for kind, array in ((a, left), (b, right), (out, result)):
                given += [kind, cgutils.unpack_tuple(builder, array.shape), array.data]
            linalg.call_xxgemm(context, builder, *given)

        def is_one(count):
            return builder.icmp_signed("==", count, count.type(1))

        with builder.if_else(builder.icmp_signed("==", inner, inner.type(0))) as (empty, full):
            with empty:
                size = builder.mul(result.nitems, result.itemsize)
                cgutils.memset(builder, result.data, size, 0)
            with full, builder.if_else(is_one(columns)) as (is_column, others):
                with is_column:
                    by_vector(a, left, right, a.layout == "C")
                with others, builder.if_else(is_one(rows)) as (is_row, matrices):
                    with is_row:
                        by_vector(b, right, left, b.layout == "F")
                    with matrices:
                        by_matrix()
        return context.get_dummy_value()

    return types.void(a, b, out), codegen
