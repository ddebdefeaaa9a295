"""Compiled functions that other machine code finds by symbols.

The code that calls such a function carries it along as a constant. Where Numba loads that code from
a cache on disk it restores its constants first, and the symbol is there when the code is linked.
"""

from typing import Any

from llvmlite import binding
from numba.core.compiler import CompileResult
from numba.core.registry import cpu_target

from numgrad.targets.stamps import StaleError, loading, package, put_into

_bound: dict[str, Any] = {}  # what symbols stand for: it lives as long as the process


def bound(compiled: Any, environment: Any) -> str:
    """Return the symbol of a compiled function, which an environment carries from now on."""
    symbol = f"numgrad.{compiled.fndesc.llvm_func_name}"
    if symbol not in _bound:
        bind(symbol, compiled)
    put_into(environment, Bound(symbol))
    return symbol


def bind(symbol: str, compiled: Any) -> None:
    address = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
    binding.add_symbol(symbol, address)
    _bound[symbol] = compiled


class Bound:
    """A constant of machine code that calls a function by a symbol."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol

    def __reduce__(self) -> tuple[Any, ...]:
        return restored, (package(), self.symbol, _bound[self.symbol]._reduce())


def restored(made_by: tuple[str, ...], symbol: str, reduced: tuple[Any, ...]) -> Bound:
    """Bind a symbol in the process that loads what calls it, unless it was bound before."""
    if loading() is not None and made_by != package():
        raise StaleError("another numgrad made this machine code")
    if symbol not in _bound:
        bind(symbol, CompileResult._rebuild(cpu_target.target_context, *reduced))
    return Bound(symbol)
