"""Tables among the arguments of a function: those of which it takes items."""

import inspect
from functools import cache
from typing import Any

from numba.core import ir
from numba.core.bytecode import ByteCode, FunctionIdentity
from numba.core.interpreter import Interpreter
from numba.core.ir_utils import get_definition, guard

TAKING_ITEMS = "getitem", "static_getitem", "getiter"


def tables_of(function: Any) -> frozenset[int]:
    """Return the positions of the arguments of which a function takes items, if known."""
    source = getattr(function, "py_func", None) or getattr(function, "__wrapped__", function)
    if not inspect.isfunction(source):
        return frozenset()
    try:
        return _tables_of(source)
    except Exception:  # whatever Numba says to code that it can't read
        return frozenset()


@cache
def _tables_of(function: Any) -> frozenset[int]:
    identity = FunctionIdentity.from_function(function)
    function_ir = Interpreter(identity).interpret(ByteCode(func_id=identity))
    definitions = [
        guard(get_definition, function_ir, statement.value.value)
        for block in function_ir.blocks.values()
        for statement in block.find_insts(ir.Assign)
        if isinstance(statement.value, ir.Expr) and statement.value.op in TAKING_ITEMS
    ]
    return frozenset(each.index for each in definitions if isinstance(each, ir.Arg))
