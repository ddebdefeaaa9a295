"""Small callees become part of their callers, where a carrier has temporaries.

What a callee returns is a stored number, and a loop that calls functions is no record. A callee of
a few operations is better computed in its place, and better than with slopes of its own, by duals
(`benchmarks/callees.py`). Callees with branches or loops stay functions.
"""

from typing import Any

from numba.core import ir
from numba.core.compiler import Compiler
from numba.core.compiler_machinery import register_pass
from numba.core.cpu_options import FastMathOptions
from numba.core.inline_closurecall import InlineWorker, callee_ir_validator
from numba.core.ir_utils import get_definition, guard
from numba.core.registry import CPUDispatcher
from numba.core.untyped_passes import InlineInlinables

from numgrad.numbers.carrier import highest
from numgrad.rules.registry import TABLE
from numgrad.twin.inference import has_context_managers
from numgrad.twin.origins import DRIVERS, STATED
from numgrad.twin.plain import UFUNCS, PlainCompiler

MOST_STATEMENTS = 80  # of Numba's, of a callee that is taken in


@register_pass(mutates_CFG=True, analysis_only=False)
class InlineSmallCallees(InlineInlinables):
    """Numba's pass, for callees whose users didn't ask for it."""

    _name = "numgrad_inline_small_callees"

    def run_pass(self, state):
        carrier = highest(state.args)
        if carrier is None or not carrier.has_temporaries:
            return False
        return super().run_pass(state)

    def _do_work(self, state, work_list, block, i, expr, inline_worker):
        """Take in the callee of a call, if it is one to be taken in; return whether it was."""
        definition = guard(get_definition, state.func_ir, expr.func)
        if not isinstance(definition, ir.Global | ir.FreeVar):
            return False
        callee: Any = definition.value
        if not is_ordinary(callee) or not has_options_of(callee, state.flags):
            return False
        if expr.kws or expr.vararg:
            return False
        code = callee.py_func.__code__
        takes_all = code.co_flags & 0x0C  # *args or **kwargs
        if has_context_managers(callee.py_func):
            return False  # a block of object mode
        if takes_all or code.co_kwonlyargcount or code.co_argcount != len(expr.args):
            return False
        worker = InlineWorker(
            state.typingctx,
            state.targetctx,
            state.locals,
            state.pipeline,
            state.flags.copy(),
            validator=callee_ir_validator,
        )
        body = worker.run_untyped_passes(callee.py_func)
        if not is_small(body):
            return False
        *_, new_blocks = worker.inline_ir(state.func_ir, block, i, body, code.co_freevars)
        work_list += new_blocks
        return True


def is_ordinary(function):
    """Whether a thing is a function of njit's that is differentiated as its source says."""
    return (
        type(function) is CPUDispatcher
        and function._can_compile  # not locked to signatures, which convert
        and not function.locals
        and function._compiler.pipeline_class in (Compiler, PlainCompiler)
        and function not in TABLE
        and function not in UFUNCS
        and function not in DRIVERS
        and function not in STATED
    )


def has_options_of(function, flags):
    """Whether a function is compiled as its caller is."""
    given = function.targetoptions
    fastmath = FastMathOptions(given.get("fastmath", False))
    if given.get("error_model", "python") != flags.error_model or fastmath != flags.fastmath:
        return False
    return not any(map(given.get, ("boundscheck", "inline", "forceobj", "parallel", "forceinline")))


def is_small(body):
    """Whether a function is a few statements without branches."""
    if len(body.blocks) != 1:
        return False
    ((_, block),) = body.blocks.items()
    *statements, last = block.body
    kinds = ir.Assign | ir.SetItem | ir.StaticSetItem | ir.Del
    is_plain = all(isinstance(each, kinds) for each in statements)
    return is_plain and isinstance(last, ir.Return) and len(statements) <= MOST_STATEMENTS
