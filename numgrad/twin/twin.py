"""A user's function and its twin, compiled on duals.

The twin is compiled from the function's own source. A compiler pass, run once the function's
variables have one definition each, replaces every compiled function that it calls by that one's
twin, and the allocations of arrays that will hold derivatives by allocations of duals. A twin that
is called without any carrier is the function itself.
"""

from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import numba
from numba import types
from numba.core.ccallback import CFunc
from numba.core.dispatcher import Dispatcher
from numba.core.registry import CPUDispatcher
from numba.np.ufunc.dufunc import DUFunc
from numba.np.ufunc.gufunc import GUFunc
from numba.stencils.stencil import StencilFunc

from numgrad.arrays import activation
from numgrad.caching.stamping import warn_late
from numgrad.calls import pointers
from numgrad.calls.entries import stand_in
from numgrad.numbers.carrier import active_type, highest, without_derivatives
from numgrad.rules import registry
from numgrad.rules.registry import TABLE
from numgrad.targets import cuda_compiler
from numgrad.targets.deferred import deferred
from numgrad.targets.options import NOT_INHERITED, OF_TWINS, taken_over
from numgrad.twin import callees, cfuncs, gufuncs, stencils
from numgrad.twin.beside import Beside
from numgrad.twin.by_name import check_parameters
from numgrad.twin.errors import DifferentiationError, explained
from numgrad.twin.origins import DRIVERS, STATED, hashable
from numgrad.twin.pipeline import TwinCompiler, carry_derivatives
from numgrad.twin.plain import UFUNCS, ElementCompiler, plain

_twins = Beside("twin")
_stand_ins: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()  # of functions that have rules
_compiled: WeakSet[Any] = WeakSet()  # functions that have been compiled on duals, or called there
_compiled_for_good: set[Any] = set()  # the same of those that can't be referred to weakly
_locked_twins = Beside("locked twins")  # by carrier


def twin_of(function):
    """Return the twin of a compiled function; it has one."""
    if isinstance(function, Twin):
        return function
    note(function)
    if function not in _twins:
        is_stated = function in TABLE or function in STATED
        _twins.setdefault(function, Twin(calling(function) if is_stated else function))
    return _twins[function]


def note(function):
    """Remember that a function is part of what has been compiled on duals."""
    try:
        _compiled.add(function)
    except TypeError:  # it can't be referred to weakly
        _compiled_for_good.add(function)


def is_compiled(function):
    """Whether a function is part of what has been compiled on duals."""
    try:
        return function in _compiled
    except TypeError:
        return function in _compiled_for_good


def warn_if_late(function):
    """Warn that a new rule is none for what was compiled before it."""
    if isinstance(function, Dispatcher):
        _twins.pop(function, None)
    if is_compiled(function):
        warn_late(function)


registry.listeners.append(warn_if_late)


def calling(function):
    """Return a compiled function that calls one with a rule or a pullback, and so follows it."""
    caller = numba.njit(lambda *arguments: function(*arguments))
    caller.stands_for = function
    return caller


def active_version_of(function):
    """The active version of a compiled function."""
    if function in STATED:
        return STATED[function]
    if function not in TABLE:
        return twin_of(function)
    if function not in _stand_ins:
        _stand_ins.setdefault(function, stand_in(function))
    return _stand_ins[function]


def untwinned(function):
    """Return the function that a twin was made of; any other thing is what it is."""
    return function.original if isinstance(function, Twin) else function


# Functions in a list, or in a tuple of which an item is picked while the program runs, are called
# by their addresses, which Numba does for functions that are locked to one signature.


def are_by_address(functions):
    """Whether things are functions of numbers, all locked to the same signature."""
    if not isinstance(functions, tuple) or not functions:
        return False
    if not all(isinstance(each, Dispatcher) and not each._can_compile for each in functions):
        return False
    signatures = {tuple(each.nopython_signatures) for each in functions}
    if len(signatures) > 1 or len(functions[0].nopython_signatures) != 1:
        return False
    (sig,) = functions[0].nopython_signatures
    return all(isinstance(kind, types.Number | types.Boolean) for kind in sig.args)


def locked_twin_of(function, carrier):
    """Return the twin of a locked function as one that is locked to duals."""
    known = _locked_twins.setdefault(function, {})
    if carrier not in known:
        known.setdefault(carrier, LockedTwin(function, carrier))
    return known[carrier]


def active_version(typingctx, function):
    """The active version of any object: often itself."""
    if isinstance(function, Dispatcher):
        return function if function in DRIVERS else active_version_of(function)
    if isinstance(function, tuple):
        versions = tuple(active_version(typingctx, each) for each in function)
        return function if versions == function else versions
    if pointers.is_known(function):
        return pointers.active_version_of(function)
    if not callable(function) or not hashable(function):
        return function
    if isinstance(function, DUFunc):
        return callees.elementwise(function, active_version_of)
    if isinstance(function, GUFunc):
        return gufuncs.loop_of(function, twin_of)
    if isinstance(function, CFunc):
        return cfuncs.active_version_of(function, twin_of(plain(function.__wrapped__)))
    if isinstance(function, StencilFunc):
        return callees.overloaded(typingctx, stencils.loops_of(function), twin_of)
    if function in activation.REPLACED:
        return activation.REPLACED[function]
    if callees.is_plain(typingctx, function):
        return active_version_of(plain(function))
    return callees.overloaded(typingctx, function, twin_of)


class ActiveVersions:
    """The active versions of a twin's callees."""

    of = staticmethod(
        lambda typingctx, function, carrier: active_version_in_twin(typingctx, function, carrier)
    )
    note = staticmethod(note)
    twin_of = staticmethod(twin_of)

    @staticmethod
    def by_address(functions, carrier):
        """The twins, locked to duals, of functions that are called by address; or nothing."""
        functions = tuple(map(untwinned, functions))
        return [locked_twin_of(each, carrier) for each in functions if are_by_address(functions)]


def carry(state):
    """Make a twin of a function that is compiled for a kernel."""
    carry_derivatives(state, ActiveVersions)
    return True


def active_version_in_twin(typingctx, function, carrier):
    """The active version of an object in a function that is compiled for a carrier."""
    if are_by_address(function):
        return tuple(locked_twin_of(each, carrier) for each in function)
    return active_version(typingctx, function)


class Pipeline(TwinCompiler):
    active_versions = ActiveVersions


INTEGERS = types.Integer | types.Boolean


def declared_integers(function):
    """The variables that a user has declared to be integers: what they hold has no derivatives."""
    declared = function.locals.items()
    return {name: kind for name, kind in declared if isinstance(kind, INTEGERS)}


class Twin(CPUDispatcher):
    """A function compiled on duals, and the function itself where there are none."""

    options = frozenset(("nopython", "no_cpython_wrapper", "no_cfunc_wrapper"))

    def __init__(self, original):
        self.original = original
        options = NOT_INHERITED | taken_over(original.targetoptions, OF_TWINS)
        options |= dict.fromkeys(self.options, True)
        super().__init__(
            original.py_func,
            locals=declared_integers(original),
            targetoptions=options,
            pipeline_class=Pipeline,
        )
        if original in UFUNCS:
            self._compiler = ElementCompiler(self, UFUNCS[original], Pipeline)

    def _reduce_states(self):
        return {"original": getattr(self.original, "stands_for", self.original)}

    @classmethod
    def _rebuild(cls, original):
        return twin_of(original)

    @cached_property
    def _CUDATypingContext__dispatcher(self):  # noqa: N802 - where numba-cuda looks
        """The function that kernels call in place of this one."""
        return cuda_compiler.function_in_kernels(
            self.py_func,
            lambda _: self.py_func,
            lambda kinds: highest(kinds) and carry,
            self.explained,
        )

    def compile(self, sig):
        """Compile the function on duals; raise an error that names the user's line."""
        try:
            check_parameters(self.py_func)
            self._refuse_conversions(sig)
            with deferred():
                return super().compile(sig)
        except DifferentiationError:
            raise
        except Exception as error:  # not all that Numba meets in its own code is a NumbaError
            raise self.explained(error) from error

    def _refuse_conversions(self, sig):
        """Raise where a function that is locked to signatures makes integers of its arguments."""
        if self.original._can_compile:
            return
        args, _ = numba.core.sigutils.normalize_signature(sig)
        kinds = tuple(map(without_derivatives, args))
        typingctx = self.targetdescr.typing_context
        chosen = typingctx.resolve_function_type(types.Dispatcher(self.original), kinds, {})
        for arg, own in zip(args, () if chosen is None else chosen.args, strict=False):
            if highest((arg,)) is not None and isinstance(own, INTEGERS):
                raise TypeError(
                    f"it is compiled for {own} where a number with derivatives comes, and would "
                    "drop what follows the point: compile it for float64, or without a signature"
                )

    def explained(self, error):
        """Return the error to raise for one of the compiler's."""
        function = self.original.py_func
        return explained(error, function.__name__, function.__code__.co_filename)

    def get_call_template(self, args, kws):
        _, folded = self._compiler.fold_argument_types(args, kws)
        if highest(folded) is None:
            return self.original.get_call_template(args, kws)
        return super().get_call_template(args, kws)

    def get_overload(self, sig):
        args, _ = numba.core.sigutils.normalize_signature(sig)
        if highest(args) is None:
            return self.original.get_overload(sig)
        return super().get_overload(sig)


class LockedTwin(Twin):
    """A function of numbers that is called by its address, compiled on duals alone."""

    options = Twin.options - {"no_cfunc_wrapper"}

    def __init__(self, original, carrier):
        super().__init__(original)
        self.carrier = carrier
        (sig,) = original.nopython_signatures
        is_floating = types.Float | types.Complex
        self.compile(
            tuple(
                active_type(carrier, kind) if isinstance(kind, is_floating) else kind
                for kind in sig.args
            )
        )
        self.disable_compile()

    def _reduce_states(self):
        return {"original": self.original, "carrier": self.carrier}

    @classmethod
    def _rebuild(cls, original, carrier=None):
        return locked_twin_of(original, carrier)
