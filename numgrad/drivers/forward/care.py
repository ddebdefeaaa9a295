"""A second, careful computation where derivatives came out nan.

Infinite numbers leave a nan where an infinite slope meets a tangent of 0, or the other way round:
most of the time the derivative is known nevertheless. Products that look for that take several
times as long (five times, for the gradient of Rosenbrock's function), and so the passes make plain
ones and tell whether a partial is nan. If so, all is computed again on careful duals
(`numgrad.numbers.dual.lowering`), by a function that is compiled when this happens first, and what
was nan is taken from there.
"""

import re
from itertools import count
from weakref import ref

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model, typeof_impl

from numgrad.arrays.loading import load
from numgrad.caching.references import packed
from numgrad.numbers.carrier import is_carrier
from numgrad.numbers.dual.lowering import has_nan
from numgrad.targets.options import internal_njit


@intrinsic
def rare(typingctx, flag):
    """Return a flag that LLVM may expect not to be set."""

    def codegen(context, builder, sig, arguments):
        bit = ir.IntType(1)
        kind = ir.FunctionType(bit, [bit, bit])
        expect = cgutils.get_or_insert_function(builder.module, kind, "llvm.expect.i1")
        return builder.call(expect, [arguments[0], cgutils.false_bit])

    return types.boolean(types.boolean), codegen


@intrinsic
def filled(typingctx, number, careful):
    """A derivative, with the careful one in the place of each part that is nan."""

    def codegen(context, builder, sig, arguments):
        first, second = arguments
        second = context.cast(builder, second, careful, number)
        return filled_parts(context, builder, number, first, second)

    return number(number, careful), codegen


def filled_parts(context, builder, argtype, number, careful):
    if is_carrier(argtype) and not argtype.has_temporaries:
        pairs = zip(
            argtype.components(builder, number), argtype.components(builder, careful), strict=True
        )
        parts = [
            filled_parts(context, builder, kind, part, other) for (kind, part), (_, other) in pairs
        ]
        return argtype.of_components(builder, parts)
    return builder.select(has_nan(context, builder, argtype, number), careful, number)


@internal_njit
def fill(array, careful):
    """Put the careful derivatives in the place of each nan."""
    for index, number in np.ndenumerate(careful):
        array[index] = filled(array[index], number)


@internal_njit
def one_flag():
    """A flag that threads may set."""
    return np.zeros(1, np.bool_)


def is_arithmetic(compiled):
    """Whether a compiled function has nothing but sums and products of floats.

    Infinite numbers then come from outside alone. At a point such a function is so short that a
    caller's loop over points may be vector code, which a look at each result would prevent.
    """
    code = compiled.library.get_llvm_str()
    return re.search(r"\bfdiv\b|call [^@\n]*(?:double|float)>? @", code) is None


class Late:
    """A function of arguments and results that is compiled when compiled code calls it first."""

    def __init__(self, make):
        self.make = make
        self.kept = {}  # by the types of what it is given: code lives as long as this
        self.functions = []  # of that code, and with them the late functions that it calls itself
        self.type = LateType(self)

    def address(self, *kinds):
        """The address of the function compiled for given argument types, or 0."""
        if kinds not in self.kept:
            try:
                compiled = None if self.make is None else self._compiled(kinds)
            except Exception:  # the derivative stays nan, which tells enough
                compiled = None
            self.kept.setdefault(kinds, compiled)
        compiled = self.kept[kinds]
        if compiled is None:
            return 0
        return compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)

    def _compiled(self, kinds):
        load()  # a program that Numba kept on disk has not needed anything yet
        function = self.make()
        self.functions.append(function)
        function.compile(kinds)
        compiled = function.overloads[kinds]
        return compiled if compiled.signature.return_type == numbers_in(kinds[-1]) else None


_lasting: list[Late] = []  # those of programs that Numba kept on disk


class Reference:
    """What machine code knows of a late function, which it doesn't keep alive."""

    def __init__(self, site):
        self.site = ref(site)

    def __reduce__(self):
        """Go along where Numba keeps a program on disk, if the function can be pickled."""
        make = getattr(self.site(), "make", None)
        try:
            return restored, packed(make)
        except Exception:  # whatever the user's function refers to
            return restored, (None, ())


def restored(restore, arguments):
    """The reference to a late function of a program that Numba loads."""
    unpack = None if restore is None else restore(*arguments)
    _lasting.append(Late(None if unpack is None else lambda: unpack()()))
    return Reference(_lasting[-1])


class LateType(types.Dummy):
    """The type of one such function, which it doesn't keep alive: Numba keeps types for ever."""

    def __init__(self, site):
        self.site = ref(site)
        super().__init__(name=f"Late({next(_numbers)})")


_numbers = count()
register_model(LateType)(models.OpaqueModel)


@typeof_impl.register(Late)
def type_of_site(site, context):
    return site.type


@intrinsic
def call(typingctx, site, arguments, others, results):
    """Call a late function of arguments, others and a tuple of results.

    It fills arrays among the results, and returns the numbers. Where it can't be compiled, the
    results stay as they are.
    """
    kinds = tuple(map(types.unliteral, (arguments, others, results)))

    def codegen(context, builder, sig, given):
        return call_late(context, builder, site.site(), kinds, given[1:])

    return numbers_in(results)(site, *kinds), codegen


def numbers_in(results):
    """Return the type of the tuple of those results that are numbers."""
    return types.BaseTuple.from_types(
        tuple(kind for kind in results.types if not isinstance(kind, types.Array))
    )


def call_late(context, builder, site, kinds, given):
    """Emit a call by an address that is asked for once."""
    find = finder(context, builder, site, kinds)
    address = builder.call(find, [])
    numbers = numbers_in(kinds[-1])
    before = [
        builder.extract_value(given[-1], k)
        for k, kind in enumerate(kinds[-1].types)
        if not isinstance(kind, types.Array)
    ]
    result = cgutils.alloca_once_value(builder, context.make_tuple(builder, numbers, before))
    with builder.if_then(builder.icmp_signed(">", address, address.type(0))):
        kind = context.call_conv.get_function_type(numbers, kinds)
        function = builder.inttoptr(address, kind.as_pointer())
        status, returned = context.call_conv.call_function(builder, function, numbers, kinds, given)
        with cgutils.if_unlikely(builder, status.is_error):
            context.call_conv.return_status_propagate(builder, status)
        builder.store(returned, result)
    return builder.load(result)


def finder(context, caller, site, kinds):
    """Write the function that returns an address, or -1: asked of Python once, under its lock.

    It is a function of its own so that LLVM doesn't count it as part of its caller, which it may
    want to inline.
    """
    module = caller.module
    name = module.get_unique_name("numgrad.late")
    known = cgutils.add_global_variable(module, cgutils.intp_t, f"{name}.address")
    known.linkage, known.initializer = "internal", cgutils.intp_t(0)
    function = ir.Function(module, ir.FunctionType(cgutils.intp_t, []), name)
    function.linkage = "internal"
    for attribute in ("noinline", "cold"):
        function.attributes.add(attribute)
    builder = ir.IRBuilder(function.append_basic_block())
    environment = builder.load(
        context.declare_env_global(module, context.get_env_name(context.fndesc))
    )
    with cgutils.if_zero(builder, builder.load(known)):
        address = cgutils.alloca_once_value(builder, cgutils.intp_t(-1))
        with builder.if_then(cgutils.is_not_null(builder, environment)):
            python = context.get_python_api(builder)
            state = python.gil_ensure()
            body = context.get_env_body(builder, environment)
            constants = python.get_env_manager(context.environment, body, environment)
            question = constants.read_const(constants.add_const((Reference(site), kinds)))
            asking = python.unserialize(python.serialize_object(ask))
            answer = python.call_function_objargs(asking, (question,))
            with builder.if_else(cgutils.is_not_null(builder, answer)) as (answered, failed):
                with answered:
                    builder.store(python.long_as_longlong(answer), address)
                    python.decref(answer)
                with failed:
                    python.err_clear()
            python.decref(asking)
            python.gil_release(state)
        builder.store(builder.load(address), known)
    builder.ret(builder.load(known))
    return function


def ask(question):
    """Return the address of a function, or -1."""
    reference, kinds = question
    site = reference.site()
    return -1 if site is None else site.address(*kinds) or -1
