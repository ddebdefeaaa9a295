"""Machine code that is made when it is asked for.

Numba makes machine code of every function that it compiles. Most functions that a derivative calls
are linked into their callers, where machine code is made of them again, and nobody runs their own:
it was a sixth of the time that a derivative took to compile.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakValueDictionary

from llvmlite import binding
from numba.core.codegen import JITCodeLibrary, RuntimeLinker
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.core.runtime import rtsys

ENVIRONMENT = "_ZN08NumbaEnv"  # how the names begin by which machine code finds its constants
_deferred: WeakValueDictionary[str, Any] = WeakValueDictionary()  # by the functions in them


class DeferredLibrary(JITCodeLibrary):  # type: ignore[misc]
    """What Numba has compiled of a function, with machine code once an address in it is needed."""

    _is_deferrable = False  # as what is loaded from a disk isn't
    _is_deferred = False

    def finalize(self) -> None:
        self._is_deferrable = True
        super().finalize()

    def _finalize_final_module(self) -> None:
        if not self._is_deferrable or self._is_in_circle():
            super()._finalize_final_module()
            return
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._define_environments()
        self._is_deferred = self._finalized = True
        _deferred.update((each.name, self) for each in self.get_defined_functions())

    def _is_in_circle(self) -> bool:
        """Whether functions that call each other are being linked, which is by addresses."""
        prefix = RuntimeLinker.PREFIX
        names = [each.name for each in self._final_module.global_variables]
        called = [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
        for name in called:
            if name in _deferred:
                _deferred[name]._emit()
        awaited = self._codegen._rtlinker._unresolved
        return bool(called) or any(each.name in awaited for each in self.get_defined_functions())

    def _define_environments(self) -> None:
        """Give the constants a place, which Numba fills in and all callers' machine code shares."""
        engine = self._codegen._engine
        names = [
            each.name
            for each in self._final_module.global_variables
            if each.name.startswith(ENVIRONMENT) and not engine.is_symbol_defined(each.name)
        ]
        if names:
            places = "\n".join(f'@"{name}" = common global i8* null' for name in names)
            empty = self._codegen._create_empty_module(self.name)
            engine.add_module(binding.parse_assembly(f"{empty}\n{places}"))

    def get_pointer_to_function(self, name: str) -> int:
        self._ensure_finalized()
        if self._is_deferred:
            if not self._defines(name):
                return 0
            self._emit()
        address: int = super().get_pointer_to_function(name)
        return address

    def _defines(self, name: str) -> bool:
        try:
            return not self._final_module.get_function(name).is_declaration
        except NameError:
            return False

    def _get_compiled_object(self) -> bytes:
        if self._is_deferred:
            self._emit()
        code: bytes = super()._get_compiled_object()
        return code

    @global_compiler_lock  # type: ignore[untyped-decorator]
    def _emit(self) -> None:
        if self._is_deferred:  # still, now that no other thread is compiling
            super()._finalize_final_module()
            self._is_deferred = False


@contextmanager
def deferred() -> Iterator[None]:
    """Let what Numba compiles meanwhile have machine code when it is asked for."""
    rtsys.initialize(cpu_target.target_context)  # what of Numba all machine code needs
    codegen: Any = cpu_target.target_context.codegen()
    before = vars(codegen).get("_library_class")
    codegen._library_class = DeferredLibrary
    try:
        yield
    finally:
        if before is None:
            vars(codegen).pop("_library_class", None)
