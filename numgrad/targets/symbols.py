"""Compiled functions that other machine code finds by symbols.

The code that calls such a function carries it along as a constant. Where Numba loads that code from
a cache on disk it restores its constants first, and the symbol is there when the code is linked.
"""

from typing import Any

from llvmlite import binding
from numba.core.compiler import CompileResult
from numba.core.registry import cpu_target

from numgrad.targets import objects
from numgrad.targets.stamps import StaleError, loading, package, put_into

NEEDED: list[Any] = []  # constants that bind what machine code from now on may call
_bound: dict[str, Any] = {}  # by symbols: functions compiled here, or what others were loaded from


def bound(compiled: Any, context: Any) -> str:
    """Return the symbol of a compiled function, for the function that is being compiled."""
    name = compiled.fndesc.llvm_func_name
    symbol = f"numgrad.{name}"
    if symbol not in _bound:
        binding.add_symbol(symbol, compiled.library.get_pointer_to_function(name))
        _bound[symbol] = compiled
    put_into(context.environment, context.active_code_library, Bound(symbol))
    return symbol


class Bound:
    """A constant of machine code that calls a function by a symbol."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol

    def __reduce__(self) -> tuple[Any, ...]:
        held = _bound[self.symbol]
        parts = objects.reduced(held) if isinstance(held, CompileResult) else held
        return restored, (package(), self.symbol, parts)


def restored(made_by: tuple[str, ...], symbol: str, parts: tuple[Any, ...]) -> Bound:
    """Bind a symbol in the process that loads what calls it, unless it was bound before."""
    if loading() is not None and made_by != package():
        raise StaleError("another numgrad made this machine code")
    if symbol not in _bound:
        library = objects.restored(cpu_target.target_context, parts)
        name = symbol.removeprefix("numgrad.")
        binding.add_symbol(symbol, library.get_pointer_to_function(name))
        _bound[symbol] = parts
    return Bound(symbol)
