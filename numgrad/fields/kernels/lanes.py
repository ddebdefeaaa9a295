"""Numbers side by side in one vector register: what fills one line of the cache with results.

The formulas of ``stencils`` are compiled for lanes as they are for single numbers. Lanes exist for
the sake of their store, which bypasses the cache: a plain store first reads the line that it
changes, a non-temporal one doesn't, which saves a third of the traffic of a copy and leaves the
samples in the cache alone. It needs whole aligned lines, and a fence before another thread may read
what was written.
"""

import operator
import platform

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

HAS_NON_TEMPORAL_STORES = platform.machine() in ("x86_64", "AMD64")

LINE_BYTES = 64


class Lanes(types.Type):
    """The type of ``count`` floating-point numbers side by side."""

    def __init__(self, dtype, count):
        self.dtype = dtype
        self.count = count
        super().__init__(name=f"Lanes({dtype}, {count})")


@register_model(Lanes)
class LanesModel(models.PrimitiveModel):
    """Lanes are one LLVM vector."""

    def __init__(self, manager, lanes):
        number = manager.lookup(lanes.dtype).get_value_type()
        super().__init__(manager, lanes, ir.VectorType(number, lanes.count))


def _convert(builder, lanes, value, dtype):
    """Give lanes in another precision."""
    if lanes.dtype == dtype:
        return value
    number = ir.DoubleType() if dtype == types.float64 else ir.FloatType()
    change = builder.fpext if dtype == types.float64 else builder.fptrunc
    return change(value, ir.VectorType(number, lanes.count))


class _SameAsNumbers(AbstractTemplate):
    """Lanes combine as their numbers do: the wider precision wins."""

    def generic(self, arguments, keywords):
        if keywords or not all(isinstance(lanes, Lanes) for lanes in arguments):
            return None
        dtype = max((lanes.dtype for lanes in arguments), key=lambda number: number.bitwidth)
        return signature(Lanes(dtype, arguments[0].count), *arguments)


def _define(function, instruction, arity):
    infer_global(function)(type("LanesOperator", (_SameAsNumbers,), {}))

    @lower_builtin(function, *[Lanes] * arity)
    def lower(context, builder, signature, arguments):
        dtype = signature.return_type.dtype
        operands = [
            _convert(builder, lanes, value, dtype)
            for lanes, value in zip(signature.args, arguments, strict=True)
        ]
        return getattr(builder, instruction)(*operands)


_define(operator.add, "fadd", 2)
_define(operator.sub, "fsub", 2)
_define(operator.mul, "fmul", 2)
_define(operator.truediv, "fdiv", 2)
_define(operator.neg, "fneg", 1)


def lane_count(results):
    """Count how many results fill one line of the cache."""
    return LINE_BYTES * 8 // results.dtype.bitwidth


def _element(context, builder, array_type, array, position, count):
    """Give a pointer to the element at a position, the first of ``count`` in use."""
    array = context.make_array(array_type)(context, builder, array)
    if context.enable_boundscheck:
        length = builder.extract_value(array.shape, 0)
        last = builder.add(position, ir.Constant(position.type, count - 1))
        cgutils.do_boundscheck(context, builder, position, length, 0)
        cgutils.do_boundscheck(context, builder, last, length, 0)
    return builder.gep(array.data, [position])


def store_past_cache(builder, value, pointer, alignment):
    """Store a value past the cache."""
    store = builder.store(value, pointer, align=alignment)
    if HAS_NON_TEMPORAL_STORES:
        one = ir.Constant(ir.IntType(32), 1)
        store.set_metadata("nontemporal", builder.module.add_metadata([one]))


@intrinsic
def load_lanes(typingctx, samples, position, results):
    """Give the samples from a position on, for as many results as fill a line."""
    count = lane_count(results)
    whole = isinstance(samples.dtype, types.Integer)
    lanes = Lanes(types.float64 if whole else samples.dtype, count)

    def codegen(context, builder, signature, arguments):
        pointer = _element(context, builder, signature.args[0], *arguments[:2], count)
        vector = ir.VectorType(context.get_data_type(samples.dtype), count)
        value = builder.load(
            builder.bitcast(pointer, vector.as_pointer()), align=samples.dtype.bitwidth // 8
        )
        if not whole:
            return value
        change = builder.sitofp if samples.dtype.signed else builder.uitofp
        return change(value, context.get_value_type(lanes))

    return lanes(samples, types.intp, results), codegen


@intrinsic
def spread(typingctx, number, results):
    """Give the same number in every lane."""
    lanes = Lanes(number, lane_count(results))

    def codegen(context, builder, signature, arguments):
        vector = context.get_value_type(lanes)
        first = builder.insert_element(
            ir.Constant(vector, ir.Undefined), arguments[0], ir.Constant(ir.IntType(32), 0)
        )
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), lanes.count), [0] * lanes.count)
        return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), everywhere)

    return lanes(number, results), codegen


@intrinsic
def stream_lanes(typingctx, results, position, lanes):
    """Store one line of results past the cache; it must be aligned."""

    def codegen(context, builder, signature, arguments):
        results, position, value = arguments
        pointer = _element(context, builder, signature.args[0], results, position, lanes.count)
        value = _convert(builder, lanes, value, signature.args[0].dtype)
        pointer = builder.bitcast(pointer, value.type.as_pointer())
        store_past_cache(builder, value, pointer, LINE_BYTES)
        return context.get_dummy_value()

    return types.void(results, types.intp, lanes), codegen


@intrinsic
def stream_number(typingctx, results, position, number):
    """Store one result past the cache."""

    def codegen(context, builder, signature, arguments):
        results, position, value = arguments
        array_type = signature.args[0]
        pointer = _element(context, builder, array_type, results, position, 1)
        value = context.cast(builder, value, number, array_type.dtype)
        # as an integer, since only that has a non-temporal store on every x86-64 processor
        word = ir.IntType(array_type.dtype.bitwidth)
        pointer = builder.bitcast(pointer, word.as_pointer())
        store_past_cache(builder, builder.bitcast(value, word), pointer, word.width // 8)
        return context.get_dummy_value()

    return types.void(results, types.intp, number), codegen


@intrinsic
def lanes_in_line(typingctx, results):
    """Count how many results fill one line of the cache."""

    def codegen(context, builder, signature, arguments):
        return context.get_constant(types.intp, lane_count(results))

    return types.intp(results), codegen


@intrinsic
def is_line_start(typingctx, results, position):
    """Tell if a line of the cache starts with the result at a position."""

    def codegen(context, builder, signature, arguments):
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        address = builder.ptrtoint(builder.gep(array.data, [arguments[1]]), ir.IntType(64))
        rest = builder.and_(address, ir.Constant(address.type, LINE_BYTES - 1))
        return builder.icmp_unsigned("==", rest, ir.Constant(rest.type, 0))

    return types.boolean(results, types.intp), codegen


@intrinsic
def fence(typingctx):
    """Make every non-temporal store of this thread visible before any later store."""

    def codegen(context, builder, signature, arguments):
        if HAS_NON_TEMPORAL_STORES:
            sfence = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(ir.VoidType(), []), "llvm.x86.sse.sfence"
            )
            builder.call(sfence, [])
        return context.get_dummy_value()

    return types.void(), codegen


def ask_for(builder, pointer):
    """Ask for the line of the cache that a pointer leads to."""
    number = ir.IntType(32)
    ask_type = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, number, number, number])
    ask = builder.module.declare_intrinsic("llvm.prefetch", [cgutils.voidptr_t], ask_type)
    builder.call(ask, [pointer, number(0), number(3), number(1)])


@intrinsic
def prefetch(typingctx, samples, position):
    """Ask for the line of the cache that holds the sample at a position, which need not exist."""

    def codegen(context, builder, signature, arguments):
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        pointer = builder.bitcast(builder.gep(array.data, [arguments[1]]), cgutils.voidptr_t)
        ask_for(builder, pointer)
        return context.get_dummy_value()

    return types.void(samples, types.intp), codegen
