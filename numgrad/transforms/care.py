"""A second, careful computation where derivatives came out nan.

Infinite numbers leave a nan where an infinite slope meets a tangent of 0, or the other way round:
most of the time the derivative is known nevertheless. Products that look for that take several
times as long (five times, for the gradient of Rosenbrock's function), and so the passes make plain
ones and tell whether a partial is nan of which the value isn't. If so, all is computed again on
careful duals (`numgrad.duals.numba_lowering`), by a function that is compiled when this happens
first, and what was nan is taken from there.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from numgrad.duals.numba_lowering import has_nan
from numgrad.duals.numba_rules import is_active, part
from numgrad.duals.numba_type import has_vector, is_dual, open_dual, unpack


@intrinsic
def lacks(typingctx, dual, number):
    """Return whether a partial of a number is nan, and the number itself isn't."""
    dual = dual.instance_type

    def codegen(context, builder, sig, arguments):
        if not is_active(number, dual):
            return cgutils.false_bit
        value, partials = open_dual(context, builder, number, arguments[1])
        if has_vector(number):
            unordered = builder.fcmp_unordered("uno", partials, partials)
            mask = builder.bitcast(unordered, ir.IntType(number.count))
            lacking = builder.icmp_unsigned("!=", mask, mask.type(0))
        else:
            lacking = cgutils.false_bit
            for partial in unpack(builder, number, partials):
                nan = has_nan(context, builder, number.value, partial)
                lacking = builder.or_(lacking, nan)
        return builder.and_(lacking, is_number(context, builder, number.value, value))

    return types.boolean(types.TypeRef(dual), number), codegen


def is_number(context, builder, kind, value):
    """Return whether a value without its derivatives is no nan."""
    while is_dual(kind):
        (value, _), kind = open_dual(context, builder, kind, value), kind.value
    return builder.not_(has_nan(context, builder, kind, value))


@intrinsic
def is_nan(typingctx, number):
    """Return whether a number or any of its partials is nan."""

    def codegen(context, builder, sig, arguments):
        return has_nan(context, builder, number, arguments[0])

    return types.boolean(number), codegen


@part
def filled(number, careful):
    """Return a derivative, or what a careful computation found where it is nan."""
    return careful if is_nan(number) else number


@part
def fill(array, careful):
    """Put what a careful computation found in the place of each nan."""
    for index, number in np.ndenumerate(careful):
        array[index] = filled(array[index], number)


@part
def one_flag():
    """Return what threads may set."""
    return np.zeros(1, np.bool_)


class Late:
    """A function of arguments and results that is compiled when compiled code calls it first."""

    def __init__(self, make):
        self.make = make
        self.kept = {}  # by the types of what it is given: code lives as long as this

    def __reduce__(self):
        return Late, (self.make,)

    def address(self, *kinds):
        """Return where the function is, compiled for arguments of some types; or 0 if nowhere."""
        if kinds not in self.kept:
            try:
                self.kept.setdefault(kinds, self._compiled(kinds))
            except Exception:  # the derivative stays nan, which tells enough
                self.kept[kinds] = None
        compiled = self.kept[kinds]
        if compiled is None:
            return 0
        return compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)

    def _compiled(self, kinds):
        function = self.make()
        function.compile(kinds)
        compiled = function.overloads[kinds]
        if compiled.signature.return_type != kinds[1]:
            raise TypeError(f"{compiled.signature.return_type} instead of {kinds[1]}")
        return compiled


def late(make):
    """Return a function of compiled code, of arguments and a tuple of results, compiled late.

    ``make`` returns the function to be called, which returns results of the same types. Where it
    can't be compiled, the results stay as they are.
    """
    site = Late(make)

    @intrinsic
    def call(typingctx, arguments, results):
        kinds = types.unliteral(arguments), types.unliteral(results)

        def codegen(context, builder, sig, given):
            return call_late(context, builder, site, kinds, given)

        return kinds[1](*kinds), codegen

    return call


def call_late(context, builder, site, kinds, given):
    """Emit a call by an address that is asked for once, under Python's lock."""
    table = cgutils.add_global_variable(
        builder.module, cgutils.intp_t, builder.module.get_unique_name("numgrad.late")
    )
    table.linkage, table.initializer = "internal", cgutils.intp_t(0)
    known = builder.load(table)
    with cgutils.if_zero(builder, known):
        builder.store(asked(context, builder, site, kinds), table)
    address = builder.load(table)
    result = cgutils.alloca_once_value(builder, given[1])
    with builder.if_else(builder.icmp_signed(">", address, address.type(0))) as (there, nowhere):
        with there:
            kind = context.call_conv.get_function_type(kinds[1], kinds)
            function = builder.inttoptr(address, kind.as_pointer())
            status, returned = context.call_conv.call_function(
                builder, function, kinds[1], kinds, given
            )
            with cgutils.if_unlikely(builder, status.is_error):
                context.call_conv.return_status_propagate(builder, status)
            builder.store(returned, result)
        with nowhere:
            context.nrt.incref(builder, kinds[1], given[1])
    return builder.load(result)


def asked(context, builder, site, kinds):
    """Emit the question to Python where a function is; return its address, or -1."""
    python = context.get_python_api(builder)
    environment = context.get_env_manager(builder)
    state = python.gil_ensure()
    address = cgutils.alloca_once_value(builder, cgutils.intp_t(-1))
    question = environment.read_const(environment.add_const((site, kinds)))
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
    return builder.load(address)


def ask(question):
    """Return the address of a function, or -1."""
    site, kinds = question
    return site.address(*kinds) or -1
