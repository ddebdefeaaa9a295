"""Functions with their code as it is, and other things under the names in it."""

import dis
import functools
import types
from collections.abc import Callable
from typing import Any

from numgrad.tracer.jitclasses import is_of_jitclass
from numgrad.tracer.owners import is_users

Look = Callable[[Any, dict[Any, Any]], Any]  # what a name stands for, and the functions being built


def rebuilt(
    function: types.FunctionType, look: Look, builtins: dict[str, Any], building: dict[Any, Any]
) -> Any:
    """Return a function that looks its names up through a view.

    The functions being built are known, since one may refer to itself.
    """
    if function in building:
        return building[function]
    if isinstance(function.__globals__, View) or _assigns_globals(function.__code__):
        return function
    cells = [_cell(cell) for cell in function.__closure__ or ()]
    made = types.FunctionType(
        function.__code__,
        View(function.__globals__, look, builtins),
        function.__name__,
        function.__defaults__,
        tuple(new for new, _ in cells),
    )
    made.__kwdefaults__ = function.__kwdefaults__
    made.__module__ = function.__module__
    building[function] = made
    for new, content in cells:
        if content is not None:
            new.cell_contents = look(content, building)
    return made


def _cell(cell: Any) -> tuple[Any, Any]:
    """Return a cell to fill, and with what; or the very same cell where it holds plain data."""
    try:
        content = cell.cell_contents
    except ValueError:  # not assigned yet
        return cell, None
    is_data = not is_of_jitclass(content) and (
        isinstance(content, type)
        or not (callable(content) or isinstance(content, types.ModuleType) or is_users(content))
    )
    return (cell, None) if is_data else (types.CellType(), content)


@functools.lru_cache(maxsize=512)
def _assigns_globals(code: types.CodeType) -> bool:
    """Tell whether code has the statement ``global``: what it assigns must reach its module."""
    if any(instruction.opname == "STORE_GLOBAL" for instruction in dis.get_instructions(code)):
        return True
    return any(_assigns_globals(c) for c in code.co_consts if isinstance(c, types.CodeType))


class View(dict[str, Any]):
    """The global names of a function, looked up when they are needed."""

    def __init__(self, names: dict[str, Any], look: Look, builtins: dict[str, Any]) -> None:
        kept = ("__name__", "__package__", "__spec__")
        super().__init__({name: names[name] for name in kept if name in names})
        super().__setitem__("__builtins__", builtins)
        self.names = names
        self.look = look

    def __getitem__(self, name: str) -> Any:
        return self.look(self.names[name], {})

    def __setitem__(self, name: str, value: Any) -> None:  # by globals()[name]
        self.names[name] = value

    def __contains__(self, name: object) -> bool:
        return name in self.names
