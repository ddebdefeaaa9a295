"""Machine code as an object on disk: less than what Numba keeps, and sooner there.

Numba keeps code for linking into other code, and imports the modules that the functions were
defined in. Code that is only called needs its object and its constants.
"""

from typing import Any

from llvmlite import binding
from numba.core.environment import Environment, lookup_environment
from numba.core.runtime import rtsys

_kept: list[Any] = []  # code and its constants, which live as long as the process


def reduced(compiled: Any) -> tuple[Any, ...]:
    """Return what is to be pickled of a compiled function."""
    description, library = compiled.fndesc, compiled.library
    environments = {
        each.env_name: (each.env_name, each.globals.get("__name__"), each.consts)
        for each in (compiled.environment, *compiled._find_referenced_environments())
    }
    # Numba finds no symbols but those that are defined here, whatever they are
    entries = description.llvm_func_name, description.llvm_cpython_wrapper_name
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
