"""Objects of jitclasses that a function finds under a global name, or captures.

Numba makes no constants of them. Here their address is one, so that their fields are read when the
function is called. They are no arguments, and so nothing could put back what each of several passes
writes to them: functions that do are refused.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba import types
from numba.core import cgutils, ir
from numba.core.compiler_machinery import AnalysisPass, register_pass
from numba.core.imputils import lower_constant
from numba.core.typed_passes import NativeLowering
from numba.experimental.jitclass import _box as boxing

from numgrad.twin.activity import Activity, is_written
from numgrad.twin.errors import located
from numgrad.twin.inference import inferred_in_pass

WRITTEN = (
    "It writes to an object that it finds under the name {}, which no derivative could put back.",
    "Let the function that is differentiated take the object as an argument.",
)
CONSTANT = ir.Global | ir.FreeVar
KEPT = "numgrad_objects"  # in the metadata of what is compiled: those whose address it knows

_keeping: list[list[Any]] = []  # of the compilations under way


@contextmanager
def kept(metadata: dict[str, Any]) -> Iterator[None]:
    """Let objects be constants, which what is compiled keeps alive."""
    _keeping.append(metadata.setdefault(KEPT, []))
    try:
        yield
    finally:
        _keeping.pop()


@lower_constant(types.ClassInstanceType)
def lower_object(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    """Return an object where it is, if what is being compiled keeps it alive."""
    if not _keeping:
        raise NotImplementedError  # as without numgrad
    _keeping[-1].append(value)
    made = cgutils.create_struct_proxy(kind)(context, builder)
    for name, address in (
        ("meminfo", boxing.box_get_meminfoptr(value)),
        ("data", boxing.box_get_dataptr(value)),
    ):
        found = context.add_dynamic_addr(builder, address, info=f"{name} of {kind}")
        setattr(made, name, builder.bitcast(found, getattr(made, name).type))
    return made._getvalue()


def is_outside(value: Any) -> bool:
    """Whether an expression is an object that the function finds."""
    return isinstance(value, CONSTANT) and isinstance(value.value, boxing.Box)


def check_unwritten(name: str, statement: Any, activity: Activity) -> None:
    """Raise if a function writes to an object that it finds."""
    if is_outside(statement.value) and is_written(activity.shape(statement.target.name)):
        reason, advice = WRITTEN
        loc = statement.loc
        reason = reason.format(statement.value.name)
        raise located(name, loc.filename, loc.line, reason, advice)


@register_pass(mutates_CFG=False, analysis_only=True)
class CheckOutside(AnalysisPass):
    """Raise if a function that is called without derivatives writes to such an object."""

    _name = "numgrad_check_outside"

    def __init__(self) -> None:
        AnalysisPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        found = [
            each
            for block in state.func_ir.blocks.values()
            for each in block.find_insts(ir.Assign)
            if is_outside(each.value)
        ]
        if found:
            activity = Activity(inferred_in_pass(state, state.args))
            for each in found:
                check_unwritten(state.func_id.func_name, each, activity)
        return False


@register_pass(mutates_CFG=True, analysis_only=False)
class PlainLowering(NativeLowering):
    """Numba's pass, in which such objects are constants."""

    _name = "numgrad_plain_lowering"

    def run_pass(self, state: Any) -> bool:
        with kept(state.metadata):
            done: bool = super().run_pass(state)
            return done
