"""Numba's compiler, without what it does over and over to no effect: tests are mostly compilation.

Nothing of this changes what is compiled.
"""

from copy import deepcopy
from functools import cache, partial

from llvmlite.binding import ffi, newpassmanagers
from numba.core import (
    base,  # noqa: F401  (registers the callbacks that are taken back below)
    ir,
)
from numba.core.target_extension import jit_registry, target_registry
from numba.core.targetconfig import TargetConfig
from numba.core.typing.templates import _OverloadFunctionTemplate

# llvmlite's pass managers inherit a disposal that does nothing before the one that is written for
# them, and leave half a megabyte behind for each function that is compiled.
for manager in (newpassmanagers.ModulePassManager, newpassmanagers.FunctionPassManager):
    manager._dispose = newpassmanagers.NewPassManager._dispose

# Numba times each of millions of calls of LLVM, once for every function whose compilation waits for
# it: a twelfth of the time went to clocks that nobody reads.
for callbacks in tuple(ffi.lib._lock._cblist):
    ffi.unregister_lock_callback(*callbacks)


# The options of a compilation are looked up and compared, one by one, at each call that it types.


@cache
def hash_of_options(kind):
    return hash(tuple(sorted(kind.options)))


def are_equal(some, others):
    if not isinstance(others, TargetConfig):
        return NotImplemented
    if hash_of_options(type(some)) != hash_of_options(type(others)):
        return some.values() == others.values()
    given = {*some._values, *others._values}
    return all(getattr(some, name) == getattr(others, name) for name in given)


TargetConfig.__hash__ = lambda options: hash_of_options(type(options))
TargetConfig.__eq__ = are_equal


# Statements are mostly asked for their variables, and are copied with the places that they come
# from, which never change.


def variables_among(statement, values):
    found = []
    for value in values:
        kind = type(value)
        if kind is ir.Var:
            found.append(value)
        elif kind is not ir.Loc and kind is not str:
            found += statement._rec_list_vars(value)
    return found


ir.Stmt.list_vars = lambda statement: variables_among(statement, vars(statement).values())
ir.Expr.list_vars = lambda expression: variables_among(expression, expression._kws.values())
ir.Loc.__deepcopy__ = lambda place, memo: place


PLAIN = frozenset((ir.Loc, str, int, bool, type(None)))


def copy_of(thing, memo):
    """Copy what has attributes, as `copy.deepcopy` does by asking for a recipe of it."""
    copy = object.__new__(type(thing))
    memo[id(thing)] = copy
    for name, value in vars(thing).items():
        copy.__dict__[name] = value if type(value) in PLAIN else deepcopy(value, memo)
    return copy


for kind in (ir.Inst, ir.Block, ir.Scope):  # of which some statements have a way of their own
    kind.__deepcopy__ = copy_of


decorator_of_overloads = _OverloadFunctionTemplate._get_jit_decorator


def decorator_without_wrappers(template):
    """Make no wrapper for C of NumPy's functions, as there is none for Python: nobody calls it."""
    decorator = decorator_of_overloads(template)
    is_for_cpu = decorator is jit_registry[target_registry["CPU"]]
    return partial(decorator, no_cfunc_wrapper=True) if is_for_cpu else decorator


_OverloadFunctionTemplate._get_jit_decorator = decorator_without_wrappers
