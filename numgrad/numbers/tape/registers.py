"""The counters of a tape while code is emitted: in memory, or in registers of a function.

In a twin the addresses of the streams and the counters are variables of the function, which LLVM
keeps in registers. Before a call of anything that may write to the tape the counters go back to
memory, and afterwards all is read anew; so it is before the function returns.
"""

import re
from typing import Any
from weakref import WeakKeyDictionary

from llvmlite import ir

from numgrad.numbers.carrier import NotUniformError
from numgrad.numbers.tape import memory, threads

KEPT = (
    memory.PARTIALS,
    memory.INDICES,
    memory.COUNTS,
    memory.CAPACITY,
    memory.LEAVES,
    memory.STATEMENTS,
)
COUNTERS = memory.LEAVES, memory.STATEMENTS
# What LLVM and Numba's runtime have, and functions of C's mathematics, know nothing of tapes.
HARMLESS = ("llvm.", "NRT_", "numba.", "numba_", "_numba")


class InMemory:
    """The fields of a tape where they lie."""

    def __init__(self, builder: Any, words: int) -> None:
        self.tape = memory.tape_of_thread(builder, words)

    def get(self, builder: Any, field: int) -> Any:
        return builder.load(memory.field_of(builder, self.tape, field))

    def put(self, builder: Any, field: int, value: Any) -> None:
        builder.store(value, memory.field_of(builder, self.tape, field))


class InRegisters(InMemory):
    """The fields of a tape as variables of a function."""

    def __init__(self, builder: Any, words: int) -> None:
        with builder.goto_entry_block():
            super().__init__(builder, words)
            self.variables = {field: builder.alloca(memory.I64) for field in KEPT}
            self.read(builder)

    def get(self, builder: Any, field: int) -> Any:
        return builder.load(self.variables[field])

    def put(self, builder: Any, field: int, value: Any) -> None:
        builder.store(value, self.variables[field])

    def read(self, builder: Any) -> None:
        """Read all fields from memory."""
        for field in KEPT:
            builder.store(super().get(builder, field), self.variables[field])

    def write(self, builder: Any) -> None:
        """Write the counters back to memory."""
        for field in COUNTERS:
            super().put(builder, field, builder.load(self.variables[field]))


def fields_of(builder: Any, words: int) -> InMemory:
    """The fields of a tape, as the function that is being written has them."""
    kept = getattr(builder.function, "numgrad_tapes", None)
    if kept is None:
        return InMemory(builder, words)
    if words not in kept:
        kept[words] = InRegisters(builder, words)
    found: InMemory = kept[words]
    return found


def element(builder: Any, fields: InMemory, stream: int, kind: Any, position: Any) -> Any:
    """The place of an element of a stream."""
    start = builder.inttoptr(fields.get(builder, stream), kind.as_pointer())
    return builder.gep(start, [position], inbounds=True)


def begin(function: Any, loops: dict[Any, Any] | None) -> None:
    """Let a function that is about to be written keep the fields of its tapes in registers.

    ``loops`` is where those of its loops are kept that are records (`numgrad.numbers.tape.rounds`).
    """
    function.numgrad_tapes, function.numgrad_loops = {}, loops


def note_harmless(module: Any, compiled: Any) -> None:
    """Take down that a function of compiled code writes no tape."""
    known = vars(module).setdefault("numgrad_harmless", {})
    known[compiled.fndesc.llvm_func_name] = compiled


def end(function: Any) -> None:
    """Write the counters back wherever a function that has been written leaves for another."""
    tapes = list(function.numgrad_tapes.values())
    if not tapes:
        return
    harmless = vars(function.module).get("numgrad_harmless", {})
    builder = ir.IRBuilder()
    for loop in (function.numgrad_loops or {}).values():
        if not all(_stays(each, harmless) for each in loop.instructions()):
            raise NotUniformError
        loop.complete(builder)
    for block in function.blocks:
        for instruction in list(block.instructions):
            if isinstance(instruction, ir.Ret):
                _write(builder, tapes, instruction)
            elif isinstance(instruction, ir.CallInstr) and not _is_harmless(instruction, harmless):
                _write(builder, tapes, instruction)
                builder.position_after(instruction)
                for tape in tapes:
                    tape.read(builder)


def _write(builder: Any, tapes: list[Any], instruction: Any) -> None:
    builder.position_before(instruction)
    for tape in tapes:
        tape.write(builder)


def _stays(instruction: Any, known: dict[str, Any]) -> bool:
    """Whether an instruction neither writes a tape nor leaves the function."""
    if isinstance(instruction, ir.CallInstr):
        return _is_harmless(instruction, known)
    if not isinstance(instruction, ir.Ret):
        return True
    (status,) = instruction.operands
    if not isinstance(status, ir.CallInstr):
        return False
    compiled = known.get(getattr(status.callee, "name", ""))
    return compiled is not None and never_raises(compiled)


_raising: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()  # by libraries of functions


def never_raises(compiled: Any) -> bool:
    """Whether a function that has been compiled returns without an error wherever it does."""
    library = compiled.library
    if library not in _raising:
        name = re.escape(compiled.fndesc.llvm_func_name)
        found = re.search(
            rf'^define [^\n]*@"?{name}"?\(.*?^}}', library.get_llvm_str(), re.DOTALL | re.MULTILINE
        )
        returns = re.findall(r"^ *ret .*$", found[0], re.MULTILINE) if found else []
        _raising[library] = not returns or any(each.strip() != "ret i32 0" for each in returns)
    return not _raising[library]


def _is_harmless(instruction: Any, known: dict[str, Any]) -> bool:
    if not isinstance(instruction.callee, ir.Function):  # an address, of anything
        return False
    name = instruction.callee.name
    if name in known or name == threads.GET:
        return True
    return name.startswith(HARMLESS) or ("." not in name and not name.startswith(("_Z", "Py")))
