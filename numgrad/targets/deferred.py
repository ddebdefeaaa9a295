"""Optimisation and machine code when they are asked for.

Numba optimises every function that it compiles and makes machine code of it. Most functions that a
derivative calls are linked into their callers, which are optimised with all that is in them, and
nobody runs their own: a sixth of the time that a derivative took to compile went into machine code
that never ran, and another sixth into optimising at each level what all levels below had been.
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
    _is_optimised = True
    _shared_module: Any

    def finalize(self) -> None:
        self._is_deferrable = True
        super().finalize()

    def _optimize_final_module(self) -> None:
        """Inline what must be and drop needless counts of references: what callers are given."""
        passes, builder = self._codegen._module_pass_manager(
            loop_vectorize=False, slp_vectorize=False, opt=0, cost="cheap"
        )
        passes.run(self._final_module, builder)
        self._is_optimised = False

    def _optimise(self) -> None:
        if not self._is_optimised:
            super()._optimize_final_module()
            self._is_optimised = True
            self._dynamic_globals.clear()  # of which some are no longer used
            self._finalize_dynamic_globals()

    @property
    def has_dynamic_globals(self) -> bool:
        self._ensure_finalized()
        self._optimise()
        return bool(self._dynamic_globals)

    def _get_module_for_linking(self) -> Any:
        """A copy for one caller: Numba would keep one of each function for good."""
        loaded = self._shared_module  # from a disk, where there is no other
        module = super()._get_module_for_linking()
        self._shared_module = loaded
        return module

    def _finalize_final_module(self) -> None:
        if not self._is_deferrable or self._is_in_circle():
            self._optimise()
            super()._finalize_final_module()
            return
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._define_environments()
        self._is_deferred = self._finalized = True
        _deferred.update((name, self) for name in self._own_functions())

    def _own_functions(self) -> list[str]:
        """What was compiled here, not linked: a copy of another's may go when it is optimised."""
        defined = self.get_defined_functions()
        return [each.name for each in defined if each.linkage is binding.Linkage.external]

    def _is_in_circle(self) -> bool:
        """Whether functions that call each other are being linked, which is by addresses."""
        prefix = RuntimeLinker.PREFIX
        names = [each.name for each in self._final_module.global_variables]
        called = [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
        for name in called:
            if name in _deferred:
                _deferred[name]._emit()
        awaited = self._codegen._rtlinker._unresolved
        return bool(called) or any(name in awaited for name in self._own_functions())

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

    @global_compiler_lock  # type: ignore[untyped-decorator]
    def get_llvm_str(self) -> str:
        self._optimise()
        code: str = super().get_llvm_str()
        return code

    @global_compiler_lock  # type: ignore[untyped-decorator]
    def get_asm_str(self) -> str:
        self._optimise()
        code: str = super().get_asm_str()
        return code

    def _get_compiled_object(self) -> bytes:
        self._ensure_finalized()
        if self._is_deferred:
            self._emit()
        code: bytes = super()._get_compiled_object()
        return code

    @global_compiler_lock  # type: ignore[untyped-decorator]
    def _emit(self) -> None:
        if self._is_deferred:  # still, now that no other thread is compiling
            self._optimise()
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
