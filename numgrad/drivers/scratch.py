"""Arrays in memory that a place in compiled code keeps from call to call, so as to allocate none.

A place owns a table of allocations, each of which it holds one of Numba's references to. What is
referred to by the table alone is in nobody's use: it could be freed, and is handed out again
instead. Whatever a user's function does with an array that it was given, return it, put a view of
it into a list or call itself, the references say so, and then there is another allocation.

A table has a row for every few threads, told apart by where their stacks lie. No thread waits for
another: who looks at an allocation takes it out of the table for that moment.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.runtime.nrtdynmod import _meminfo_struct_type as meminfo_kind
from numba.extending import intrinsic

from numgrad.drivers.chunks import populate

ROWS, ENTRIES = 32, 8  # a row fills one line of a cache, which no two threads should share
STACK_BITS = 18  # stacks of threads lie further apart than this power of two

POINTER = cgutils.voidptr_t
WORD = cgutils.intp_t
TABLE = ir.ArrayType(ir.ArrayType(WORD, ENTRIES), ROWS)  # of addresses: LLVM 14 swaps no pointers
EMPTY = ir.Constant(WORD, 0)
ALIGNMENT = WORD.width // 8
REFERENCES, SIZE = 0, 4  # where Numba's record of an allocation has them


@intrinsic
def scratch(typingctx, shape, element):
    """Return an array in C order, of anything, in memory that this place in the code keeps."""
    element_type = element.instance_type if isinstance(element, types.TypeRef) else element.dtype
    array = types.Array(element_type, len(shape), "C")

    def codegen(context, builder, sig, arguments):
        lengths = cgutils.unpack_tuple(builder, arguments[0], len(shape))
        data_kind = context.get_data_type(element_type)
        itemsize = context.get_constant(types.intp, context.get_abi_sizeof(data_kind))
        size = itemsize
        for length in lengths:
            size = builder.mul(size, length)
        alignment = context.get_preferred_array_alignment(element_type)
        meminfo = kept_memory(context, builder, size, alignment)
        pointer = builder.bitcast(
            context.nrt.meminfo_data(builder, meminfo), data_kind.as_pointer()
        )
        made = context.make_array(array)(context, builder)
        populate(context, builder, made, pointer, lengths, itemsize, meminfo, None)
        return made._getvalue()

    return array(shape, element), codegen


def kept_memory(context, builder, size, alignment):
    """Return an allocation of at least some size, which the caller gets a reference to."""
    module = builder.module
    name = module.get_unique_name("numgrad.scratch")
    table = cgutils.add_global_variable(module, TABLE, name)
    table.linkage, table.align = "internal", 64
    table.initializer = ir.Constant(TABLE, None)
    known = builder.call(function_in(module, "numgrad_scratch_take", POINTER, take), [table, size])
    result = cgutils.alloca_once_value(builder, known)
    with builder.if_then(cgutils.is_null(builder, known), likely=False):
        new = context.nrt.meminfo_alloc_aligned(builder, size, alignment)
        keep_function = function_in(module, "numgrad_scratch_keep", ir.VoidType(), keep)
        builder.call(keep_function, [table, new])
        builder.store(new, result)
    return builder.load(result)


def function_in(module, name, returned, write):
    """Return a function of a table and one thing more, in a module of compiled code."""
    if name in module.globals:
        return module.globals[name]
    second = WORD if write is take else POINTER
    kind = ir.FunctionType(returned, [TABLE.as_pointer(), second])
    function = ir.Function(module, kind, name)
    function.linkage = "linkonce_odr"
    function.attributes.add("noinline")
    write(ir.IRBuilder(function.append_basic_block()), *function.args)
    return function


def take(builder, table, size):
    """Write the function that returns an allocation in nobody's use, or null."""
    row = row_of(builder)
    with cgutils.for_range(builder, WORD(ENTRIES)) as loop:
        place = cgutils.gep_inbounds(builder, table, 0, row, loop.index)
        seen = builder.load_atomic(place, "monotonic", align=ALIGNMENT)
        with builder.if_then(is_entry(builder, seen)):
            entry = builder.atomic_rmw("xchg", place, EMPTY, "acq_rel")
            with builder.if_then(is_entry(builder, entry)):  # no other thread was faster
                look_at(builder, entry, place, size)
    builder.ret(cgutils.get_null_value(POINTER))


def look_at(builder, entry, place, size):
    """Return an allocation from the function if it can be used; drop it if it is too small."""
    count = field(builder, entry, REFERENCES)
    references = builder.load_atomic(count, "acquire", align=ALIGNMENT)
    unused = builder.icmp_unsigned("==", references, WORD(1))
    fits = builder.icmp_unsigned(">=", builder.load(field(builder, entry, SIZE)), size)
    usable, too_small = builder.and_(unused, fits), builder.and_(unused, builder.not_(fits))
    with builder.if_then(usable):
        builder.atomic_rmw("add", count, WORD(1), "acq_rel")
    dropped = builder.select(too_small, entry, EMPTY)
    back = builder.select(too_small, EMPTY, entry)
    release(builder, dropped)
    release(builder, builder.atomic_rmw("xchg", place, back, "acq_rel"))
    with builder.if_then(usable):
        builder.ret(builder.inttoptr(entry, POINTER))


def keep(builder, table, meminfo):
    """Write the function that puts an allocation into a table, in the place of another if full."""
    row, entry = row_of(builder), builder.ptrtoint(meminfo, WORD)
    builder.atomic_rmw("add", field(builder, entry, REFERENCES), WORD(1), "acq_rel")
    with cgutils.for_range(builder, WORD(ENTRIES)) as loop:
        place = cgutils.gep_inbounds(builder, table, 0, row, loop.index)
        outcome = builder.cmpxchg(place, EMPTY, entry, "acq_rel", "monotonic")
        with builder.if_then(builder.extract_value(outcome, 1)):
            builder.ret_void()
    first = cgutils.gep_inbounds(builder, table, 0, row, 0)
    release(builder, builder.atomic_rmw("xchg", first, entry, "acq_rel"))
    builder.ret_void()


def row_of(builder):
    """Return the row of a table that is for the thread that runs."""
    stack = builder.ptrtoint(builder.alloca(ir.IntType(8)), ir.IntType(64))
    stack = builder.lshr(stack, stack.type(STACK_BITS))
    spread = builder.mul(stack, stack.type(0x9E3779B97F4A7C15))  # 2**64 over the golden ratio
    return builder.trunc(builder.lshr(spread, stack.type(64 - ROWS.bit_length() + 1)), WORD)


def is_entry(builder, word):
    return builder.icmp_unsigned("!=", word, EMPTY)


def field(builder, entry, position):
    """Return the address of a field of Numba's record of an allocation."""
    record = builder.inttoptr(entry, meminfo_kind.as_pointer())
    return cgutils.gep_inbounds(builder, record, 0, position)


def release(builder, entry):
    """Give up a reference to an allocation, if there is one."""
    kind = ir.FunctionType(ir.VoidType(), [POINTER])
    function = cgutils.get_or_insert_function(builder.module, kind, "NRT_decref")
    builder.call(function, [builder.inttoptr(entry, POINTER)])
