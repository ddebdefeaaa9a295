"""A user's function and its twin, compiled on duals.

The twin is compiled from the function's own source. A compiler pass, run once the function's
variables have one definition each, replaces every compiled function that it calls by that one's
twin, and the allocations of arrays that will hold derivatives by allocations of duals. A twin that
is called without any dual is the function itself.
"""

import inspect
import warnings
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import numba
import numpy as np
from numba import types
from numba.core import ir
from numba.core.ccallback import CFunc
from numba.core.compiler import Compiler, CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.dispatcher import Dispatcher, _FunctionCompiler
from numba.core.ir_utils import get_definition, guard
from numba.core.registry import CPUDispatcher
from numba.core.typed_passes import NopythonTypeInference
from numba.core.untyped_passes import FixupArgs, LiteralUnroll, ReconstructSSA
from numba.np.ufunc.dufunc import DUFunc
from numba.np.ufunc.gufunc import GUFunc

from numgrad.duals import activation, allocations, containers, rules, views  # noqa: F401
from numgrad.duals import numba_pointers as pointers
from numgrad.duals.numba_arrays import has_array
from numgrad.duals.numba_rules import stand_in
from numgrad.duals.numba_type import is_dual, with_partials
from numgrad.duals.rules import TABLE
from numgrad.targets import cuda
from numgrad.transforms import callees, cfuncs, classes, gufuncs
from numgrad.transforms.activity import GIVING, Activity
from numgrad.transforms.errors import DifferentiationError, explained
from numgrad.transforms.source import Body, function_of

_twins: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
_plain: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()  # Python functions, compiled
_stand_ins: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()  # of functions that have rules
UFUNCS: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()  # by the functions of one element
_compiled: WeakSet[Any] = WeakSet()  # functions that have been compiled on duals, or called there
_compiled_for_good: set[Any] = set()  # the same of those that can't be referred to weakly
_locked_twins: dict[Any, Any] = {}  # by function and dual: they are few
# Drivers, and the transforms they belong to: they are compiled for duals as they are.
DRIVERS: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()

# What a twin has of the options its function was compiled with.
OPTIONS = ("fastmath", "error_model", "boundscheck", "nogil", "forceinline")


def dual_in(kind):
    """Return the dual type of the highest depth within a type, or None."""
    if is_dual(kind):
        return kind
    if isinstance(kind, types.BaseTuple):
        return highest(kind.types)
    if isinstance(kind, types.Optional):
        return dual_in(kind.type)
    if isinstance(kind, types.DictType):
        return highest((kind.key_type, kind.value_type))
    return dual_in(kind.dtype) if isinstance(getattr(kind, "dtype", None), types.Type) else None


def highest(kinds):
    """Return the dual type of the highest depth within some types, or None."""
    duals = [dual for dual in map(dual_in, kinds) if dual is not None]
    return max(duals, key=lambda dual: dual.depth, default=None)


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
        name = getattr(function, "__name__", function)
        warnings.warn(
            f"the rule for {name} comes after derivatives of functions that call it were compiled: "
            "those go on without it. State rules before the first derivative is taken",
            stacklevel=3,
        )


rules.listeners.append(warn_if_late)


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
    function = plain(ufunc._dispatcher.py_func)
    if ufunc in TABLE:
        TABLE[function] = TABLE[ufunc]
    if function not in UFUNCS:
        function._compiler = ElementCompiler(function, ufunc, Compiler)
        UFUNCS[function] = ufunc
    return function


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


@register_pass(mutates_CFG=False, analysis_only=False)
class CarryDerivatives(FunctionPass):
    """Replace what a function calls and allocates by what carries derivatives."""

    _name = "numgrad_carry_derivatives"

    def __init__(self):
        FunctionPass.__init__(self)

    def run_pass(self, state):
        function_ir, dual = state.func_ir, highest(state.args)
        self.state, self.registered = state, False
        activity = Activity(function_ir, state.args)
        arguments = [
            name
            for name, kind in zip(function_ir.arg_names, state.args, strict=False)
            if dual_in(kind) is not None
        ]
        active = activity.active_variables(arguments)
        for block in function_ir.blocks.values():
            block.body = [
                replaced
                for statement in block.body
                for replaced in self._replaced(block, statement, activity, active, dual)
            ]
        if self.registered:  # Numba takes in what is registered only when asked to
            state.typingctx.refresh()
            state.targetctx.refresh()
        return True

    def _replaced(self, block, statement, activity, active, dual):
        """Return the statements to stand in the place of one."""
        if isinstance(statement, activity.nodes.Print):
            return self._printed(block, statement, activity)
        if isinstance(statement, activity.nodes.SetItem | activity.nodes.StaticSetItem):
            return self._collected(block, statement, activity, active, dual)
        if not isinstance(statement, activity.nodes.Assign):
            return [statement]
        value, target = statement.value, statement.target.name
        is_call = isinstance(value, activity.nodes.Expr) and value.op == "call"
        if is_call:
            for replace in (self._replaced_call, self._appended):
                replaced = replace(block, statement, activity, active, dual)
                if len(replaced) > 1:
                    return replaced
        elif isinstance(value, activity.nodes.Expr) and value.op in ("build_list", "build_tuple"):
            return self._displayed(block, statement, activity, active, dual)
        if attribute_of(activity, statement) and value.value.name in active:
            return self._attribute(block, statement, activity)
        if target in active and isinstance(
            value, activity.nodes.Expr | activity.nodes.Var | activity.nodes.Arg
        ):
            is_array = value_is_array(activity, value)
            if (
                is_array
                and activity.to_convert(target)
                and not activity.is_comprehension(statement.target)
            ):
                return self._converted(block, statement, activity, dual)
            if is_call:
                return [statement]
        if isinstance(value, activity.nodes.Global | activity.nodes.FreeVar) or (
            isinstance(value, activity.nodes.Expr) and value.op == "getattr"
        ):
            function = activity.value_of(statement.target)
            if callable(function) and hashable(function):
                note(function)
            carrier = self._carrier(function)
            if carrier is not function:
                name = getattr(function, "__name__", "functions")
                self._set(
                    activity.ir, statement, activity.nodes.Global(name, carrier, statement.loc)
                )
                self.registered = True
        return [statement]

    def _carrier(self, function):
        """Return what to use instead of an object: in kernels, only compiled functions change."""
        if cuda.in_kernel() and not isinstance(function, Dispatcher):
            return function
        if are_by_address(function):
            return tuple(locked_twin_of(each, highest(self.state.args)) for each in function)
        return carrying(self.state.typingctx, function)

    def _constant(self, block, activity, name, value, loc):
        """Return a new variable for an object, and the statement that assigns it."""
        variable = block.scope.redefine(f"${name}", loc)
        constant = activity.nodes.Global(name, value, loc)
        activity.ir._definitions[variable.name] = [constant]
        return variable, activity.nodes.Assign(constant, variable, loc)

    def _called(self, block, activity, function, arguments, loc):
        """Return a variable for what a function returns, and the statements that assign it."""
        func, before = self._constant(block, activity, function.__name__, function, loc)
        call = activity.nodes.Expr.call(func, arguments, (), loc)
        result = block.scope.redefine(f"${function.__name__}.result", loc)
        activity.ir._definitions[result.name] = [call]
        return result, [before, activity.nodes.Assign(call, result, loc)]

    def _printed(self, block, statement, activity):
        """Print numbers without their derivatives."""
        before, shown = [], []
        for var in statement.args:
            if activity.is_constant(var):
                shown.append(var)
                continue
            result, added = self._called(block, activity, activation.shown, [var], statement.loc)
            before += added
            shown.append(result)
        statement.args = shown
        return [*before, statement]

    def _converted(self, block, statement, activity, dual):
        """Let a variable hold duals of what was assigned to it."""
        loc, value = statement.loc, statement.value
        plain = block.scope.redefine("$plain", loc)
        activity.ir._definitions[plain.name] = [value]
        kind, before = self._constant(block, activity, "dual", dual, loc)
        function, others, target = activation.activated, [], statement.target.name
        if target in activity.unknown and activity.is_written_later(target):
            function, others = activation.activated_apart, activity.unknown[target]
        func, named = self._constant(block, activity, "activated", function, loc)
        call = activity.nodes.Expr.call(func, [kind, plain, *others], (), loc)
        self._set(activity.ir, statement, call)
        return [activity.nodes.Assign(value, plain, loc), before, named, statement]

    def _attribute(self, block, statement, activity):
        """Let an attribute that Numba refuses for arrays of duals be what a function returns."""
        stand_in = attribute_of(activity, statement)
        func, named = self._constant(block, activity, stand_in.__name__, stand_in, statement.loc)
        call = activity.nodes.Expr.call(func, [statement.value.value], (), statement.loc)
        self._set(activity.ir, statement, call)
        return [named, statement]

    def _displayed(self, block, statement, activity, active, dual):
        """Let the items of a list, or of a tuple that is gone through, all be duals."""
        display, target = statement.value, statement.target.name
        functions = tuple(untwinned(activity.value_of(item)) for item in display.items)
        if are_by_address(functions):
            carriers = [locked_twin_of(each, dual) for each in functions]
            constants = [
                self._constant(block, activity, "function", each, statement.loc)
                for each in carriers
            ]
            return self._with_items(activity, statement, *zip(*constants, strict=True))
        walked = display.op == "build_list" or target in activity.walked
        if target not in active or not walked:
            return [statement]
        before, items = [], []
        for item in display.items:
            result, added = self._activated_item(block, activity, dual, item, statement.loc)
            before += added
            items.append(result)
        return self._with_items(activity, statement, items, before)

    def _with_items(self, activity, statement, items, before):
        """Return a display with other items behind the statements that assign them."""
        display = statement.value
        changed = activity.nodes.Expr(
            display.op, display.loc, **{**display._kws, "items": list(items)}
        )
        self._set(activity.ir, statement, changed)
        return [*before, statement]

    def _collected(self, block, statement, activity, active, dual):
        """Let what is given to a comprehension, a list or a dictionary be a dual like the rest.

        They have the type of what they are given first.
        """
        target = statement.target
        takes_any = target.name in activity.containers or activity.is_comprehension(target)
        if target.name not in active or not takes_any:
            return [statement]
        statement.value, before = self._activated_item(
            block, activity, dual, statement.value, statement.loc
        )
        return [*before, statement]

    def _appended(self, block, statement, activity, active, dual):
        """Let what is appended to a list be a dual like the rest."""
        call = statement.value
        name, owner = activity.name_of(call.func)
        place = GIVING.get(name, len(call.args))
        if owner not in active or owner not in activity.containers or place >= len(call.args):
            return [statement]
        arguments = list(call.args)
        arguments[place], before = self._activated_item(
            block, activity, dual, arguments[place], statement.loc
        )
        changed = activity.nodes.Expr.call(call.func, arguments, call.kws, call.loc, call.vararg)
        self._set(activity.ir, statement, changed)
        return [*before, statement]

    def _activated_item(self, block, activity, dual, item, loc):
        """Return a variable for an item as a dual, and the statements that assign it."""
        if item.name in activity.carrying:
            return item, []
        kind, named = self._constant(block, activity, "dual", dual, loc)
        result, added = self._called(block, activity, activation.activated_item, [kind, item], loc)
        return result, [named, *added]

    def _replaced_call(self, block, statement, activity, active, dual):
        """Replace NumPy's allocations and conversions of what may carry derivatives."""
        call = statement.value
        stand_in, owner = self._stand_in(activity, active, statement)
        if stand_in is None:
            return self._replaced_method(block, statement, activity, active)
        function, named = self._constant(
            block, activity, stand_in.__name__, stand_in, statement.loc
        )
        kind, before = self._constant(block, activity, "dual", dual, statement.loc)
        arguments = [kind, *owner, *call.args, *self._number_class(activity, call)]
        replaced = activity.nodes.Expr.call(function, arguments, call.kws, call.loc, call.vararg)
        self._set(activity.ir, statement, replaced)
        return [named, before, statement]

    def _replaced_method(self, block, statement, activity, active):
        """Replace methods of jitclasses, which may be given what carries derivatives."""
        call = statement.value
        function, arguments = classes.replaced_call(
            activity, active, self.state.args, statement, twin_of
        )
        if function is None:
            return [statement]
        self.registered = True
        variable, named = self._constant(
            block, activity, function.__name__, function, statement.loc
        )
        replaced = activity.nodes.Expr.call(variable, arguments, (), call.loc, call.vararg)
        self._set(activity.ir, statement, replaced)
        return [named, statement]

    def _stand_in(self, activity, active, statement):
        """Return what to call instead of what a statement calls, and the object of a method."""
        call = statement.value
        function = activity.value_of(call.func)
        if self._is_class(activity, call.func):
            return (allocations.as_number if statement.target.name in active else None), []
        if function is not None:
            known = function in allocations.REPLACEMENTS if hashable(function) else False
            if known and statement.target.name in active:
                return allocations.REPLACEMENTS[function], []
            return None, []
        name, owner = activity.name_of(call.func)
        if owner in active and name in allocations.METHODS:
            definition = activity.ir._definitions[call.func.name][0]
            return allocations.METHODS[name], [definition.value]
        return None, []

    def _number_class(self, activity, call):
        return [call.func] if self._is_class(activity, call.func) else []

    def _is_class(self, activity, func):
        """Return whether what is called converts a number to a type."""
        if is_number_class(activity.value_of(func)) or activity.is_class(func):
            return True
        definition = guard(get_definition, activity.ir, func)
        return isinstance(definition, activity.nodes.Arg) and isinstance(
            self.state.args[definition.index], types.NumberClass
        )

    def _set(self, function_ir, statement, value):
        """Let a statement assign another value."""
        definitions = function_ir._definitions[statement.target.name]
        definitions[:] = [value if item is statement.value else item for item in definitions]
        statement.value = value


def value_is_array(activity, value):
    """Return whether what is assigned may be an array: what isn't needs no conversion."""
    if not isinstance(value, activity.nodes.Expr):
        return True
    if value.op == "call" and activity.value_of(value.func) is numba.literally:
        return False
    return value.op in ("binop", "unary", "call", "getitem", "static_getitem", "getattr", "cast")


def attribute_of(activity, statement):
    """Return what stands in the place of a variable's attribute that is read, if anything does."""
    value = statement.value
    is_read = isinstance(value, activity.nodes.Expr) and value.op == "getattr"
    if not is_read or activity.value_of(statement.target) is not None:
        return None
    return activation.ATTRIBUTES.get(value.attr)


def is_number_class(function):
    """Return whether calling a thing converts a number to a type of NumPy's or Numba's."""
    return isinstance(function, types.Number) or (
        isinstance(function, type) and issubclass(function, np.number)
    )


def hashable(thing):
    try:
        hash(thing)
    except TypeError:  # a pointer of ctypes says so no earlier
        return False
    return True


def carry_derivatives(state):
    """Make a twin of a function that is compiled for a kernel."""
    return CarryDerivatives().run_pass(state)


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


class PlainCompiler(CompilerBase):
    """Numba's pipeline with one pass more."""

    def define_pipelines(self):
        manager = DefaultPassBuilder.define_nopython_pipeline(self.state)
        manager.add_pass_after(CompileCallees, FixupArgs)
        manager.finalize()
        return [manager]


class TwinCompiler(CompilerBase):
    """Numba's pipeline with two passes more."""

    def define_pipelines(self):
        manager = DefaultPassBuilder.define_nopython_pipeline(self.state)
        last = ReconstructSSA if self.state.flags.enable_ssa else LiteralUnroll
        manager.add_pass_after(CarryDerivatives, last)
        manager.add_pass_after(classes.CheckClasses, NopythonTypeInference)
        manager.finalize()
        return [manager]


class Twin(CPUDispatcher):
    """A function compiled on duals, and the function itself where there are none."""

    options = frozenset(("nopython", "no_cpython_wrapper", "no_cfunc_wrapper"))

    def __init__(self, original):
        self.original = original
        options = {
            name: original.targetoptions[name] for name in OPTIONS if name in original.targetoptions
        }
        options |= dict.fromkeys(self.options, True)
        super().__init__(original.py_func, targetoptions=options, pipeline_class=TwinCompiler)
        if original in UFUNCS:
            self._compiler = ElementCompiler(self, UFUNCS[original], TwinCompiler)

    @cached_property
    def _CUDATypingContext__dispatcher(self):  # noqa: N802 - where numba-cuda looks
        """The function that kernels call in place of this one."""
        return cuda.function_in_kernels(
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
                with_partials(dual, kind) if isinstance(kind, is_floating) else kind
                for kind in sig.args
            )
        )
        self.disable_compile()
