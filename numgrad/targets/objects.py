"""Machine code as an object on disk: less than what Numba keeps, and sooner there.

Numba keeps code for linking into other code, and imports the modules that the functions were
defined in. Code that is only called needs its object and its constants.
"""

from typing import Any

from llvmlite import binding
from numba import types
from numba.core.compiler import CompileResult
from numba.core.environment import Environment, lookup_environment
from numba.core.runtime import rtsys
from numba.core.typing.templates import signature

# Types of which code can be loaded before Numba itself is ready to compile
SIMPLE = types.Number | types.Boolean | types.NoneType | types.Omitted
_kept: list[Any] = []  # code and its constants, which live as long as the process


def reduced(compiled: Any) -> tuple[Any, ...]:
    """Return what is to be pickled of a compiled function."""
    description, library = compiled.fndesc, compiled.library
    environments = {
        each.env_name: (each.env_name, each.globals.get("__name__"), each.consts)
        for each in (compiled.environment, *compiled._find_referenced_environments())
    }
    # Numba finds no symbols but those that are defined here, whatever they are
    entries = (
        description.llvm_func_name,
        description.llvm_cpython_wrapper_name,
        description.llvm_cfunc_wrapper_name,
    )
    defined = [f'@"{name}" = global i64 0' for name in (*environments, *entries)]
    code = library._get_compiled_object(), bitcode("\n".join(defined))
    needed = symbols_in(library._final_module)
    return (library.name, "object", code), needed, tuple(environments.values())


def restored(target_context: Any, parts: tuple[Any, ...]) -> Any:
    """Return the library of a function whose machine code was pickled."""
    state, needed, environments = parts
    rtsys.initialize(target_context)  # what of Numba all machine code needs
    missing = [name for name in needed if binding.address_of_symbol(name) is None]
    if missing:  # which would end the process
        raise LookupError(f"symbols that another program had: {missing}")
    codegen = target_context.codegen()
    library = codegen.unserialize_library(state)
    for name, module, constants in environments:
        each = environment(name, module, constants)
        codegen.set_env(name, each)
        _kept.append(each)
    _kept.append(library)
    return library


def environment(name: str, module: str, constants: list[Any]) -> Any:
    """Return the environment of machine code, which looks up no names while it runs."""
    known = lookup_environment(name)
    if known is None:
        known = Environment({"__name__": module})
        known.consts[:] = constants
        known.env_name = name
        Environment._memo[name] = known
    return known


def symbols_in(module: Any) -> list[str]:
    """Return the symbols that a module finds elsewhere."""
    things = (*module.functions, *module.global_variables)
    names = (thing.name for thing in things if thing.is_declaration)
    return [name for name in names if not name.startswith("llvm.")]


def bitcode(assembly: str) -> bytes:
    code: bytes = binding.parse_assembly(assembly).as_bitcode()
    return code


def taken_apart(compiled: Any) -> tuple[Any, ...]:
    """Return what is to be pickled of a function that Python calls, or whose address is asked."""
    description = compiled.fndesc
    description.typemap = description.calltypes = None  # as Numba does: they may fail
    return (
        description,
        compiled.signature.return_type,
        compiled.reload_init,
        reduced(compiled),
    )


def rebuilt(target_context: Any, kinds: Any, parts: tuple[Any, ...]) -> Any:
    """Return what was compiled, ready to be called."""
    description, returned, initialise, code = parts
    for each in initialise:
        each()
    if not all(map(is_simple, (*kinds, returned))):
        target_context.refresh()
    library = restored(target_context, code)
    own = environment(description.env_name, "", [])
    return CompileResult(
        typing_context=target_context.typing_context,
        target_context=target_context,
        entry_point=target_context.get_executable(library, description, own),
        typing_error=None,
        type_annotation="",
        signature=signature(returned, *kinds),
        library=library,
        call_helper=None,
        environment=own,
        fndesc=description,
        objectmode=False,
        lifted=(),
        metadata=None,
        reload_init=(),
        referenced_envs=(),
    )


def is_simple(kind: Any) -> bool:
    """Whether values of a type are handed over by Numba without more than its runtime."""
    if isinstance(kind, types.BaseTuple):
        return all(map(is_simple, kind))
    if isinstance(kind, types.Array):
        return isinstance(kind.dtype, SIMPLE)
    return isinstance(kind, SIMPLE)
