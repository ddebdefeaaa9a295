"""Objects of classes: constants whose fields are read, and whose methods may be given duals.

The fields of a ``jitclass``, of a ``structref`` that is there already, and of a record have types
that no dual fits. Numba finds out only when it writes machine code, if at all: an array of duals it
takes for an array of floats. Here it is checked while the line is known.
"""

import inspect
from functools import cache

from numba import types
from numba.core import ir
from numba.core.compiler_machinery import AnalysisPass, register_pass
from numba.experimental.jitclass.base import JitClassType
from numba.extending import overload

from numgrad.arrays.definitions import carries
from numgrad.twin.errors import located
from numgrad.twin.source import Body, function_of

ADVICE = (
    "They have the types of plain numbers and arrays, and derivatives would be lost. Keep the "
    "value in a variable, or in a namedtuple, whose fields take any type."
)


@register_pass(mutates_CFG=False, analysis_only=True)
class CheckClasses(AnalysisPass):
    """Raise where derivatives would be lost in an object, or by a method that was mistaken."""

    _name = "numgrad_check_classes"

    def __init__(self):
        AnalysisPass.__init__(self)

    def run_pass(self, state):
        for block in state.func_ir.blocks.values():
            for statement in block.find_insts(ir.SetAttr):
                self._check(state, statement, field_overfilled(state, statement), ADVICE)
        return False

    def _check(self, state, statement, reason, advice):
        if reason is not None:
            name, loc = state.func_id.func_name, statement.loc
            raise located(name, loc.filename, loc.line, reason, advice)


def field_overfilled(state, statement):
    """The reason why a field can't hold what it is assigned, or None."""
    value = state.typemap[statement.value.name]
    owner, field = state.calltypes[statement].args
    if not carries(value) or carries(field):
        return None
    return (
        f"What is stored in the field {statement.attr} carries derivatives, which the fields of a "
        f"{described(owner)} can't hold."
    )


def described(kind):
    """The name of an object's class in messages."""
    if isinstance(kind, types.ClassInstanceType):
        return f"jitclass ({kind.classname})"
    return "record" if isinstance(kind, types.Record) else f"structref ({type(kind).__name__})"


def replaced_call(activity, statement, twin_of):
    """The active version of a constructor or a method, and its arguments.

    Parameters
    ----------
    activity : Activity
        That of the caller.
    statement : ir.Assign
        The call.
    twin_of : callable
        From a compiled function to its twin.

    Returns
    -------
    function : callable or None
        None if it is no call of a jitclass, or of a method, with what may carry derivatives.
    arguments : list
        All arguments by position.
    """
    call = statement.value
    given = [*call.args, *(value for _, value in call.kws), *filter(None, [call.vararg])]
    if not any(activity.is_active(var.name) for var in given):
        return None, []
    function = activity.value_of(call.func)
    if isinstance(function, JitClassType):
        init = function.class_type.jit_methods["__init__"]
        _, *arguments = positional(init, [None, *call.args], call.kws)
        return constructor(function, activity.ir.func_id.func_name, call.loc), arguments
    owner, name = activity.method_of(call.func)
    instance_type = None if owner is None else activity.type_of(owner.name)
    if not isinstance(instance_type, types.ClassInstanceType):
        return None, []
    method, itself = instance_type.jit_static_methods.get(name), []
    if method is None:
        method, itself = instance_type.jit_methods[name], [owner]
    arguments = positional(method, [*itself, *call.args], call.kws)[len(itself) :]
    return twin_of_method(name, twin_of), [owner, *arguments]


def positional(function, arguments, keywords):
    """Return the arguments of a call by position."""
    bound = inspect.signature(function.py_func).bind(*arguments, **dict(keywords))
    return list(bound.args)


@cache
def twin_of_method(name, twin_of):
    """A function that calls the twin of a method, or a method of another type as it is."""

    def call(owner, *arguments):
        raise NotImplementedError("compiled code only")

    @overload(call, strict=False)
    def typed(owner, *arguments):
        static = getattr(owner, "jit_static_methods", {})
        if name in static:
            method = twin_of(static[name])
            return lambda owner, *arguments: method(*arguments)
        if name in getattr(owner, "jit_methods", {}):
            method = twin_of(owner.jit_methods[name])
            return lambda owner, *arguments: method(owner, *arguments)
        return function_of(
            "call", "owner, *arguments", Body([f"return owner.{name}(*arguments)"], {})
        )

    return call


def constructor(jitclass, caller, loc):
    """The constructor of a jitclass, which refuses what carries derivatives."""

    def construct(*arguments):
        raise NotImplementedError("compiled code only")

    @overload(construct, strict=False)
    def typed(*arguments):
        if any(map(carries, arguments)):
            reason = (
                f"{jitclass.__name__} is constructed of what carries derivatives, which the fields "
                "of a jitclass can't hold."
            )
            raise located(caller, loc.filename, loc.line, reason, ADVICE)
        return lambda *arguments: jitclass(*arguments)

    return construct
