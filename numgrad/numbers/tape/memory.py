"""The memory of a tape, and the machine code that makes, enlarges and frees it.

A *statement* says how a number depends on others: the partial derivatives by some, the *leaves*,
and their indices. Its own index is its place among all statements. A tape has four streams,

    partials   of each leaf, of the type of values (in double precision)
    indices    of each leaf, 32 bits
    counts     of each statement: the number of its leaves, 8 bits
    adjoints   of each statement, 0 but while a sweep is under way.

A statement whose count has the flag `IS_SUM` adds to the number of another index, the last of its
indices, which has no partial.

All streams are in one block of memory that doubles when it is full. No statement has fewer leaves
than one, so one capacity serves all. Index 0 is that of all numbers without derivatives: its
adjoint is never read.

The code here is compiled once a process, by LLVM alone; all other code finds it by symbols.
"""

import ctypes
from functools import cache
from typing import Any

from llvmlite import binding, ir

from numgrad.numbers.tape import threads
from numgrad.targets.symbols import NEEDED

I8, I32, I64, VOID = ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.VoidType()
POINTER = I8.as_pointer()

# The fields of a tape: words. Addresses of the streams, then counters.
PARTIALS, ADJOINTS, INDICES, COUNTS, LEAVES, STATEMENTS, CAPACITY, WORDS, BLOCK = range(9)
LAST_STATEMENTS, LAST_LEAVES = 9, 10  # how many the last derivative wrote
RECORDS = 11  # how many were ever written that tell no targets
LASTING = 12  # address of what says which memory of the caller's stays as it is
HEADER_BYTES = 128
IS_SUM = 128  # in a count
RECORD, LOOP = 127, 126  # counts
BYTES_A_LEAF = 21  # of a tape of numbers, with its share of the other streams
FIRST_CAPACITY = 1 << 12
MOST_STATEMENTS = (1 << 31) - 1  # an index has 32 bits

OPEN, GROW, DESTROY = "numgrad.tape.open", "numgrad.tape.grow", "numgrad.tape.destroy"
SIGNATURES = {
    OPEN: ir.FunctionType(POINTER, [I64, I64]),  # size in words, room in statements: tape or null
    GROW: ir.FunctionType(I32, [POINTER, I64]),  # tape, room in statements: whether there is
    DESTROY: ir.FunctionType(VOID, [POINTER]),
}
_kept: list[Any] = []  # the engine that holds the code


@cache
def register() -> None:
    """Compile the code, and let other code find it and the keys of threads."""
    binding.add_symbol(threads.SYMBOL, ctypes.addressof(threads.STATE))
    module = ir.Module("numgrad.tape")
    module.triple = binding.get_default_triple()
    for name, write in ((DESTROY, _destroy), (GROW, _grow), (OPEN, _open)):
        function = ir.Function(module, SIGNATURES[name], name)
        write(module, ir.IRBuilder(function.append_basic_block()), *function.args)
    parsed = binding.parse_assembly(str(module))
    machine = binding.Target.from_default_triple().create_target_machine(opt=1)
    engine = binding.create_mcjit_compiler(parsed, machine)
    engine.finalize_object()
    _kept.append(engine)
    threads.register(engine.get_function_address(DESTROY))
    for name in (OPEN, GROW):
        binding.add_symbol(name, engine.get_function_address(name))
    NEEDED.append(Needed())


class Needed:
    """A constant of machine code that finds tapes by symbols.

    Where Numba loads such code from a cache it restores its constants first, and the symbols are
    there then.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return restored, ()


def restored() -> Needed:
    register()
    return Needed()


def declared(module: Any, name: str, kind: Any) -> Any:
    """A function of the system's or of this file's in a module."""
    return module.globals.get(name) or ir.Function(module, kind, name)


def called(builder: Any, name: str, returned: Any, *arguments: Any) -> Any:
    kind = ir.FunctionType(returned, [argument.type for argument in arguments])
    return builder.call(declared(builder.module, name, kind), arguments)


def field_of(builder: Any, tape: Any, field: int) -> Any:
    """The place of a field of a tape."""
    words = builder.bitcast(tape, I64.as_pointer())
    return builder.gep(words, [I64(field)], inbounds=True)


def state_word(builder: Any, position: Any) -> Any:
    """The place of a word of what all threads share."""
    kind = ir.ArrayType(I64, len(threads.STATE))
    state = builder.module.globals.get(threads.SYMBOL)
    if state is None:
        state = ir.GlobalVariable(builder.module, kind, threads.SYMBOL)
    return builder.gep(state, [I64(0), position], inbounds=True)


def call_registered(builder: Any, position: int, arguments: list[Any]) -> None:
    """Call a function whose address is a word of what all threads share."""
    kind = ir.FunctionType(VOID, [argument.type for argument in arguments])
    address = builder.load(state_word(builder, I64(position)))
    builder.call(builder.inttoptr(address, kind.as_pointer()), arguments)


def key_of(builder: Any, words: Any) -> Any:
    key = builder.load(state_word(builder, builder.sub(words, I64(1))))
    return key if threads.KEY_BITS == 64 else builder.trunc(key, ir.IntType(threads.KEY_BITS))


def tape_of_thread(builder: Any, words: int) -> Any:
    """The tape of the thread that runs; it has been opened."""
    kind = ir.FunctionType(POINTER, [ir.IntType(threads.KEY_BITS)])
    get = declared(builder.module, threads.GET, kind)
    call = builder.call(get, [key_of(builder, I64(words))])
    # it is another after a call that opens it, and never after a store
    for attribute in ("nounwind", "readonly", "inaccessiblememonly"):
        get.attributes.add(attribute)
    return call


def _open(module: Any, builder: Any, words: Any, room: Any) -> None:
    """Find the tape of the thread, or make it, with room for some statements."""
    key = key_of(builder, words)
    found = called(builder, threads.GET, POINTER, key)
    place = builder.alloca(POINTER)
    builder.store(found, place)
    none = ir.Constant(POINTER, None)
    with builder.if_then(builder.icmp_unsigned("==", found, none)):
        made = called(builder, "calloc", POINTER, I64(1), I64(HEADER_BYTES))
        with builder.if_then(builder.icmp_unsigned("==", made, none)):
            builder.ret(none)
        for field, value in ((WORDS, words), (LEAVES, I64(1)), (STATEMENTS, I64(1))):
            builder.store(value, field_of(builder, made, field))
        called(builder, threads.SET, I32, key, made)
        builder.store(made, place)
    tape = builder.load(place)
    grown = builder.call(module.globals[GROW], [tape, room])
    builder.ret(builder.select(builder.icmp_unsigned("!=", grown, I32(0)), tape, none))


def _grow(module: Any, builder: Any, tape: Any, room: Any) -> None:
    """Give a tape room for some statements more, if there may be as much memory."""
    words, capacity, used = (
        builder.load(field_of(builder, tape, field)) for field in (WORDS, CAPACITY, LEAVES)
    )
    needed = builder.add(used, room)
    with builder.if_then(builder.icmp_unsigned("<=", needed, capacity)):
        builder.ret(I32(1))
    wanted = builder.shl(capacity, I64(1))
    for least in (needed, I64(FIRST_CAPACITY)):
        wanted = builder.select(builder.icmp_unsigned(">", wanted, least), wanted, least)
    wanted = builder.and_(builder.add(wanted, I64(7)), I64(-8))
    allocated, bytes_before = (
        state_word(builder, I64(threads.ALLOCATED)),
        builder.mul(capacity, bytes_a_statement(builder, words)),
    )
    size = builder.mul(wanted, bytes_a_statement(builder, words))
    more = builder.sub(size, bytes_before)
    total = builder.add(builder.atomic_rmw("add", allocated, more, "monotonic"), more)
    limit = builder.load(state_word(builder, I64(threads.LIMIT)))
    too_many = builder.icmp_unsigned(">", wanted, I64(MOST_STATEMENTS))
    block = builder.alloca(POINTER)
    builder.store(ir.Constant(POINTER, None), block)
    with builder.if_then(
        builder.not_(builder.or_(too_many, builder.icmp_unsigned(">", total, limit)))
    ):
        builder.store(called(builder, "malloc", POINTER, size), block)
    new = builder.load(block)
    with builder.if_then(builder.icmp_unsigned("==", new, ir.Constant(POINTER, None))):
        builder.atomic_rmw("sub", allocated, more, "monotonic")
        builder.store(total, state_word(builder, I64(threads.WANTED)))
        builder.ret(I32(0))
    _moved(builder, tape, new, words, capacity, wanted)
    builder.ret(I32(1))


def bytes_a_statement(builder: Any, words: Any) -> Any:
    """The bytes that all streams together take for one statement of one leaf."""
    return builder.add(builder.shl(words, I64(4)), I64(5))


def _moved(builder: Any, tape: Any, new: Any, words: Any, capacity: Any, wanted: Any) -> None:
    """Move the streams of a tape into a new block; the adjoints that are new are 0."""
    place = builder.ptrtoint(new, I64)
    value_bytes = builder.shl(words, I64(3))
    for field, width in (
        (PARTIALS, value_bytes),
        (ADJOINTS, value_bytes),
        (INDICES, I64(4)),
        (COUNTS, I64(1)),
    ):
        address = field_of(builder, tape, field)
        target, source = builder.inttoptr(place, POINTER), builder.load(address)
        held, size = builder.mul(capacity, width), builder.mul(wanted, width)
        with builder.if_then(builder.icmp_unsigned("!=", held, I64(0))):
            called(builder, "memcpy", POINTER, target, builder.inttoptr(source, POINTER), held)
        if field == ADJOINTS:
            rest = builder.gep(target, [held])
            called(builder, "memset", POINTER, rest, I32(0), builder.sub(size, held))
        builder.store(place, address)
        place = builder.add(place, size)
    old = builder.load(field_of(builder, tape, BLOCK))
    called(builder, "free", VOID, builder.inttoptr(old, POINTER))
    builder.store(builder.ptrtoint(new, I64), field_of(builder, tape, BLOCK))
    builder.store(wanted, field_of(builder, tape, CAPACITY))


def _destroy(module: Any, builder: Any, tape: Any) -> None:
    """Free a tape, at the end of its thread."""
    words, capacity, block = (
        builder.load(field_of(builder, tape, field)) for field in (WORDS, CAPACITY, BLOCK)
    )
    size = builder.mul(capacity, bytes_a_statement(builder, words))
    allocated = state_word(builder, I64(threads.ALLOCATED))
    builder.atomic_rmw("sub", allocated, size, "monotonic")
    called(builder, "free", VOID, builder.inttoptr(block, POINTER))
    called(builder, "free", VOID, tape)
    builder.ret_void()
