"""A user's function and its twin, compiled on duals.

The twin is compiled from the function's own source. A compiler pass, run once the function's
variables have one definition each, replaces every compiled function that it calls by that one's
twin, and the allocations of arrays that will hold derivatives by allocations of duals. A twin that
is called without any dual is the function itself.
"""

import inspect
from functools import cached_property
from typing import Any
from uuid import uuid4
from weakref import WeakKeyDictionary, WeakSet

import numba
from numba import types
from numba.core import ir
from numba.core.ccallback import CFunc
from numba.core.compiler import Compiler, CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import AnalysisPass, FunctionPass, register_pass
from numba.core.dispatcher import Dispatcher, _FunctionCompiler
from numba.core.registry import CPUDispatcher
from numba.core.typed_passes import NopythonTypeInference
from numba.core.untyped_passes import FixupArgs, LiteralUnroll, ReconstructSSA
from numba.np.ufunc.dufunc import DUFunc
from numba.np.ufunc.gufunc import GUFunc

from numgrad.arrays import (
    activation,
    containers,  # noqa: F401
    creation,  # noqa: F401
    views,  # noqa: F401
)
from numgrad.caching.contents import Contents, NoDigestError
from numgrad.caching.stamping import warn_late
from numgrad.calls import pointers
from numgrad.calls.elementwise import has_array
from numgrad.calls.entries import stand_in
from numgrad.numbers.carrier import active_type, highest, without_derivatives
from numgrad.rules import registry
from numgrad.rules.registry import TABLE
from numgrad.targets import cuda_compiler
from numgrad.twin import callees, cfuncs, classes, gufuncs
from numgrad.twin.activity import Activity
from numgrad.twin.aliases import divided_memory
from numgrad.twin.callees import DRIVERS, hashable
from numgrad.twin.errors import DifferentiationError, explained, located
from numgrad.twin.inference import front_end, inferred_in_pass
from numgrad.twin.rewriting import Rewriting
from numgrad.twin.source import Body, function_of

_twins: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
_plain: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()  # Python functions, compiled
_stand_ins: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()  # of functions that have rules
UFUNCS: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()  # by the functions of one element
_elements: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()  # these, by their ufuncs
_compiled: WeakSet[Any] = WeakSet()  # functions that have been compiled on duals, or called there
_compiled_for_good: set[Any] = set()  # the same of those that can't be referred to weakly
_locked_twins: dict[Any, Any] = {}  # by function and dual: they are few

# What a twin has of the options its function was compiled with.
OPTIONS = ("fastmath", "error_model", "boundscheck", "nogil", "forceinline")
# What else Numba would take over from whatever calls the twin first. Then a function would raise or
# not according to its callers, and one that calls itself with other types would not be linked: the
# options are part of the name of its machine code.
INHERITED = {"fastmath": False, "error_model": "python", "forceinline": False}


def twin_of(function):
    """Return the twin of a compiled function; it has one."""
    if isinstance(function, Twin):
        return function
    note(function)
    if function not in _twins:
        _twins.setdefault(function, Twin(calling(function) if function in TABLE else function))
    return _twins[function]


def note(function):
    """Remember that a function is part of what has been compiled on duals."""
    try:
        _compiled.add(function)
    except TypeError:  # it can't be referred to weakly
        _compiled_for_good.add(function)


def is_compiled(function):
    """Return whether a function is part of what has been compiled on duals."""
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
    """Return a compiled function that calls a function with a rule, and so follows the rule."""
    caller = numba.njit(lambda *arguments: function(*arguments))
    caller.stands_for = function
    return caller


def carrier_of(function):
    """Return what to call instead of a compiled function where there may be duals."""
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
    """Return whether things are functions of numbers, all locked to the same signature."""
    if not isinstance(functions, tuple) or not functions:
        return False
    if not all(isinstance(each, Dispatcher) and not each._can_compile for each in functions):
        return False
    signatures = {tuple(each.nopython_signatures) for each in functions}
    if len(signatures) > 1 or len(functions[0].nopython_signatures) != 1:
        return False
    (sig,) = functions[0].nopython_signatures
    return all(isinstance(kind, types.Number | types.Boolean) for kind in sig.args)


def locked_twin_of(function, dual):
    """Return the twin of a locked function as one that is locked to duals."""
    key = function, dual
    if key not in _locked_twins:
        _locked_twins.setdefault(key, LockedTwin(function, dual))
    return _locked_twins[key]


def carrying(typingctx, function):
    """Return what to use instead of any object where there may be duals: often itself."""
    if isinstance(function, Dispatcher):
        return function if function in DRIVERS else carrier_of(function)
    if isinstance(function, tuple):
        carriers = tuple(carrying(typingctx, each) for each in function)
        return function if carriers == function else carriers
    if pointers.is_known(function):
        return pointers.carrier_of(function)
    if not callable(function) or not hashable(function):
        return function
    if isinstance(function, DUFunc):
        return callees.elementwise(function, carrier_of)
    if isinstance(function, GUFunc):
        return gufuncs.loop_of(function, twin_of)
    if isinstance(function, CFunc):
        return cfuncs.carrier_of(function, twin_of(plain(function.__wrapped__)))
    if function in activation.REPLACED:
        return activation.REPLACED[function]
    if callees.is_plain(typingctx, function):
        return carrier_of(plain(function))
    return callees.overloaded(typingctx, function, twin_of)


def function_of_element(ufunc):
    """Return a ufunc of Numba's as a function of one element; given arrays it is the ufunc."""
    if ufunc not in _elements:
        function = numba.njit(
            ufunc._dispatcher.py_func, pipeline_class=PlainCompiler, **callees.OF_UFUNCS
        )
        function._compiler = ElementCompiler(function, ufunc, Compiler)
        UFUNCS[_elements.setdefault(ufunc, function)] = ufunc
    if ufunc in TABLE:
        TABLE[_elements[ufunc]] = TABLE[ufunc]
    return _elements[ufunc]


class ElementCompiler(_FunctionCompiler):
    """Numba's compiler of a function of one element, and of the ufunc that it makes."""

    def __init__(self, function, ufunc, pipeline):
        options = function.targetoptions
        super().__init__(function.py_func, function.targetdescr, options, {}, pipeline)
        names = ", ".join(inspect.signature(function.py_func).parameters)
        body = Body([f"return ufunc({names})"], {"ufunc": ufunc})
        self.on_arrays = function_of(function.py_func.__name__, names, body)

    def _get_implementation(self, args, kws):
        return self.on_arrays if has_array(args) else self.py_func


def plain(function):
    """Return a Python function as one that Numba will compile: the same one each time."""
    if function not in _plain:
        _plain.setdefault(function, numba.njit(function, pipeline_class=PlainCompiler))
    if function in TABLE:
        TABLE[_plain[function]] = TABLE[function]
    return _plain[function]


class Carriers:
    """What a twin calls in the place of what its function calls."""

    of = staticmethod(lambda typingctx, function, dual: carrier_in_twin(typingctx, function, dual))
    note = staticmethod(note)
    twin_of = staticmethod(twin_of)

    @staticmethod
    def by_address(functions, dual):
        """Return functions that are known by their addresses, locked to duals; or nothing."""
        functions = tuple(map(untwinned, functions))
        return [locked_twin_of(each, dual) for each in functions if are_by_address(functions)]


def calls_itself(function):
    """Return whether a function calls itself, or another one that does in the end."""
    contents = Contents()
    try:
        callees = contents.part(function).children
        return any(part.thing is function for each in callees for part in contents.parts(each))
    except NoDigestError:  # what it calls can't be followed
        return True


def carrier_in_twin(typingctx, function, dual):
    """Return what to use instead of an object in a function that is compiled for a dual."""
    if are_by_address(function):
        return tuple(locked_twin_of(each, dual) for each in function)
    return carrying(typingctx, function)


@register_pass(mutates_CFG=False, analysis_only=False)
class CarryDerivatives(FunctionPass):
    """Replace what a function calls and allocates by what carries derivatives."""

    _name = "numgrad_carry_derivatives"

    def __init__(self):
        FunctionPass.__init__(self)

    def run_pass(self, state):
        # The number is part of the name of the machine code, and the linker takes what has one name
        # for one: it must differ from the numbers in other processes, whose code a cache holds.
        state.func_id.unique_id = uuid4().hex
        kinds = tuple(map(without_derivatives, state.args))
        activity = Activity(inferred_in_pass(state, kinds))
        activity.activate(state.args)
        is_recursive = calls_itself(state.func_id.func)
        rewriting = Rewriting(state, activity, highest(state.args), Carriers, is_recursive)
        rewriting.run()
        state.metadata["numgrad_activity"] = activity
        if rewriting.registered:  # Numba takes in what is registered only when asked to
            state.typingctx.refresh()
            state.targetctx.refresh()
        return True


@register_pass(mutates_CFG=False, analysis_only=True)
class CheckMemory(AnalysisPass):
    """Raise where memory that should be the same has been typed with and without derivatives.

    It can't happen if all that came before is right: a last look, since the derivative would be
    wrong in silence.
    """

    _name = "numgrad_check_memory"

    def __init__(self):
        AnalysisPass.__init__(self)

    def run_pass(self, state):
        activity = state.metadata.pop("numgrad_activity")
        found = divided_memory(activity.shapes, state.typemap)
        if found is not None:
            loc = activity.loc_of(found)
            raise located(state.func_id.func_name, loc.filename, loc.line, DIVIDED, COPY_IT)
        return False


DIVIDED = "This memory holds numbers without derivatives, and may be that of others that have some."
COPY_IT = (
    "Make a copy of one of the two arrays that may share memory, or allocate it in the function."
)


def carry_derivatives(state):
    """Make a twin of a function that is compiled for a kernel."""
    return CarryDerivatives().run_pass(state)


_assumed: dict[int, Any] = {}  # by the numbers of functions: the types others took them to return


@register_pass(mutates_CFG=False, analysis_only=True)
class CheckRecursion(AnalysisPass):
    """Raise where a function returns something else than what those that it calls were told.

    A function that is called while it is still being typed is taken to return what its branches
    return that have types already. Numba doesn't look back, and the machine code of the two would
    pass each other's results in different registers.
    """

    _name = "numgrad_check_recursion"

    def __init__(self):
        AnalysisPass.__init__(self)

    def run_pass(self, state):
        for call, signature in state.calltypes.items():
            kind = state.typemap.get(call.func.name) if is_call(call) else None
            if isinstance(kind, types.RecursiveCall):
                number = kind.get_overloads(signature.args).uid
                _assumed.setdefault(number, set()).add(signature.return_type)
        assumed = _assumed.pop(state.func_id.unique_id, set())
        if any(kind != state.return_type for kind in assumed):
            loc = state.func_ir.loc
            raise located(
                state.func_id.func_name,
                loc.filename,
                loc.line,
                f"It calls itself through others, which take it to return {assumed.pop()}, but "
                f"returns {state.return_type}.",
                "Let all branches return numbers that depend on the same arguments.",
            )
        return False


def is_call(thing):
    return isinstance(thing, ir.Expr) and thing.op == "call"


@register_pass(mutates_CFG=False, analysis_only=False)
class CompileCallees(FunctionPass):
    """Compile the plain functions that a plain function calls, which Numba alone doesn't."""

    _name = "numgrad_compile_callees"

    def __init__(self):
        FunctionPass.__init__(self)

    def run_pass(self, state):
        changed = False
        for block in state.func_ir.blocks.values():
            for statement in block.find_insts(ir.Assign):
                value = statement.value
                if isinstance(value, ir.Global | ir.FreeVar) and callees.is_plain(
                    state.typingctx, value.value
                ):
                    value.value = plain(value.value)
                    changed = True
        return changed


@register_pass(mutates_CFG=True, analysis_only=False)
class UnrollOnPrimals(FunctionPass):
    """Unroll loops over tuples of several types by the types without derivatives.

    Numba infers types for it before any variable holds duals.
    """

    _name = "numgrad_unroll_on_primals"

    def __init__(self):
        FunctionPass.__init__(self)

    def run_pass(self, state):
        kinds = state.args
        state.args = tuple(map(without_derivatives, kinds))
        try:
            with front_end(state.flags):
                return LiteralUnroll().run_pass(state)
        finally:
            state.args = kinds


def compile_callees_first(manager):
    """Let plain callees be compiled, but where Numba compiles the rest of a function again."""
    if any(each[0] is FixupArgs for each in manager.passes):
        manager.add_pass_after(CompileCallees, FixupArgs)


class PlainCompiler(CompilerBase):
    """Numba's pipeline with one pass more."""

    def define_pipelines(self):
        manager = DefaultPassBuilder.define_nopython_pipeline(self.state)
        compile_callees_first(manager)
        manager.finalize()
        return [manager]


class TwinCompiler(CompilerBase):
    """Numba's pipeline with two passes more."""

    def define_pipelines(self):
        manager = DefaultPassBuilder.define_nopython_pipeline(self.state)
        manager.passes = [
            (UnrollOnPrimals, "unroll on primals") if each[0] is LiteralUnroll else each
            for each in manager.passes
        ]
        last = ReconstructSSA if self.state.flags.enable_ssa else UnrollOnPrimals
        compile_callees_first(manager)
        manager.add_pass_after(CarryDerivatives, last)
        manager.add_pass_after(classes.CheckClasses, NopythonTypeInference)
        manager.add_pass_after(CheckMemory, NopythonTypeInference)
        manager.add_pass_after(CheckRecursion, NopythonTypeInference)
        manager.finalize()
        return [manager]


class Twin(CPUDispatcher):
    """A function compiled on duals, and the function itself where there are none."""

    options = frozenset(("nopython", "no_cpython_wrapper", "no_cfunc_wrapper"))

    def __init__(self, original):
        self.original = original
        given = original.targetoptions
        options = INHERITED | {name: given[name] for name in OPTIONS if name in given}
        options |= dict.fromkeys(self.options, True)
        super().__init__(original.py_func, targetoptions=options, pipeline_class=TwinCompiler)
        if original in UFUNCS:
            self._compiler = ElementCompiler(self, UFUNCS[original], TwinCompiler)

    @cached_property
    def _CUDATypingContext__dispatcher(self):  # noqa: N802 - where numba-cuda looks
        """The function that kernels call in place of this one."""
        return cuda_compiler.function_in_kernels(
            self.py_func,
            lambda _: self.py_func,
            lambda kinds: highest(kinds) and carry_derivatives,
            self.explained,
        )

    def compile(self, sig):
        """Compile the function on duals; raise an error that names the user's line."""
        try:
            return super().compile(sig)
        except DifferentiationError:
            raise
        except Exception as error:  # not all that Numba meets in its own code is a NumbaError
            raise self.explained(error) from error

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

    def __init__(self, original, dual):
        super().__init__(original)
        (sig,) = original.nopython_signatures
        is_floating = types.Float | types.Complex
        self.compile(
            tuple(
                active_type(dual, kind) if isinstance(kind, is_floating) else kind
                for kind in sig.args
            )
        )
        self.disable_compile()
