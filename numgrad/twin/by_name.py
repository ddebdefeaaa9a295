"""Arguments by name alone, as those behind a star: handed on in their places.

Numba takes the last arguments of any call for them. Whoever passes them by name, or leaves them
out, gets an error or, where others have defaults, other values than in Python. In functions that
are compiled for the user, calls are brought into the form that Numba reads as it should. A function
that takes any number of arguments besides has no such form.
"""

import inspect
from collections.abc import Iterator
from typing import Any
from weakref import WeakSet

from numba.core import ir
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.dispatcher import Dispatcher
from numba.core.ir_utils import guard

from numgrad.twin.capturing import constant_in
from numgrad.twin.errors import WITHOUT_COMPILING, located

ANY_NUMBER = "It takes any number of arguments and others by name alone, which Numba mistakes."
STARRED = (
    "It passes a tuple of arguments to {}, which takes others by name alone: Numba mistakes them."
)

PLAIN: WeakSet[Any] = WeakSet()  # functions that weren't the user's to compile


def named_alone(function: Any) -> list[inspect.Parameter]:
    """Return the parameters that are passed by name alone."""
    parameters = inspect.signature(function).parameters.values()
    return [each for each in parameters if each.kind is each.KEYWORD_ONLY]


def check_parameters(function: Any) -> None:
    """Raise if Numba would mistake some arguments of a function for others."""
    code = function.__code__
    if code.co_kwonlyargcount and code.co_flags & inspect.CO_VARARGS:
        filename, line = code.co_filename, code.co_firstlineno
        raise located(function.__name__, filename, line, ANY_NUMBER, WITHOUT_COMPILING)


@register_pass(mutates_CFG=False, analysis_only=False)
class PassInPlace(FunctionPass):
    """Let calls pass in their places what is passed by name alone."""

    _name = "numgrad_pass_in_place"

    def __init__(self) -> None:
        FunctionPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        if state.func_id.func not in PLAIN:
            return False
        for block in state.func_ir.blocks.values():
            block.body = [
                each
                for statement in block.body
                for each in (*self._defaults(state, block, statement), statement)
            ]
        return True

    def _defaults(self, state: Any, block: Any, statement: Any) -> Iterator[Any]:
        """Change a statement's call, after those that assign what it leaves out."""
        call = getattr(statement, "value", None)
        if not isinstance(call, ir.Expr) or call.op != "call":
            return
        callee = guard(constant_in, state.func_ir, call.func)
        alone = named_alone(callee.py_func) if isinstance(callee, Dispatcher) else []
        given = dict(call.kws)
        if any(each.name not in given and each.default is each.empty for each in alone):
            return  # an error of the user's, which Numba tells
        if alone and call.vararg is not None:
            name, loc = state.func_id.func_name, statement.loc
            reason = STARRED.format(callee.py_func.__name__)
            raise located(name, loc.filename, loc.line, reason, WITHOUT_COMPILING)
        for each in alone:
            if each.name not in given:
                default = ir.Global(each.name, each.default, statement.loc)
                given[each.name] = block.scope.redefine(f"${each.name}", statement.loc)
                state.func_ir._definitions[given[each.name].name] = [default]
                yield ir.Assign(default, given[each.name], statement.loc)
        call.args = [*call.args, *(given.pop(each.name) for each in alone)]
        call.kws = tuple(given.items())
