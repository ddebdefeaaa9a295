"""A user's function and its twin, compiled on duals.

The twin is compiled from the function's own source. A compiler pass, run once the function's
variables have one definition each, replaces every compiled function that it calls by that one's
twin, and the allocations of arrays that will hold derivatives by allocations of duals. A twin that
is called without any dual is the function itself.
"""

import inspect
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

import numba
import numpy as np
from numba import types
from numba.core.ccallback import CFunc
from numba.core.compiler import Compiler, CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.dispatcher import Dispatcher, _FunctionCompiler
from numba.core.errors import NumbaError
from numba.core.ir_utils import get_definition, guard
from numba.core.registry import CPUDispatcher
from numba.core.typed_passes import NopythonTypeInference
from numba.core.untyped_passes import LiteralUnroll, ReconstructSSA
from numba.extending import overload
from numba.np.ufunc.dufunc import DUFunc
from numba.np.ufunc.gufunc import GUFunc
from numba.np.unsafe.ndarray import empty_inferred

from numgrad.duals import activation, allocations
from numgrad.duals import numba_pointers as pointers
from numgrad.duals.numba_arrays import has_array
from numgrad.duals.numba_rules import stand_in
from numgrad.duals.numba_type import is_dual
from numgrad.duals.rules import TABLE
from numgrad.targets import cuda
from numgrad.transforms import callees, cfuncs, classes, gufuncs
from numgrad.transforms.activity import Activity
from numgrad.transforms.errors import explained, located
from numgrad.transforms.source import Body, function_of

_twins: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
_plain: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()  # Python functions, compiled
_stand_ins: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()  # of functions that have rules
UFUNCS: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()  # by the functions of one element
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
    if function not in _twins:
        _twins.setdefault(function, Twin(calling(function) if function in TABLE else function))
    return _twins[function]


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
    if isinstance(function, DUFunc) and function not in TABLE:
        return callees.elementwise(function, twin_of)
    if isinstance(function, GUFunc):
        return gufuncs.loop_of(function, twin_of)
    if isinstance(function, CFunc):
        return cfuncs.carrier_of(function, twin_of(plain(function.__wrapped__)))
    if function in activation.REPLACED:
        return activation.REPLACED[function]
    return callees.overloaded(typingctx, function, twin_of)


def function_of_element(ufunc):
    """Return a ufunc of Numba's as a function of one element; given arrays it is the ufunc."""
    function = plain(ufunc._dispatcher.py_func)
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
        _plain.setdefault(function, numba.njit(function))
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
        if isinstance(statement, activity.nodes.SetItem):
            return self._stored(block, statement, activity, active, dual)
        if not isinstance(statement, activity.nodes.Assign):
            return [statement]
        value, target = statement.value, statement.target.name
        is_call = isinstance(value, activity.nodes.Expr) and value.op == "call"
        if is_call:
            replaced = self._replaced_call(block, statement, activity, active, dual)
            if len(replaced) > 1:
                return replaced
        elif isinstance(value, activity.nodes.Expr) and value.op in ("build_list", "build_tuple"):
            return self._displayed(block, statement, activity, active, dual)
        elif attribute_of(activity.nodes, value) and value.value.name in active:
            return self._attribute(block, statement, activity)
        if target in active and isinstance(
            value, activity.nodes.Expr | activity.nodes.Var | activity.nodes.Arg
        ):
            if value_is_array(activity.nodes, value) and activity.to_convert(target):
                if is_call and activity.value_of(value.func) is empty_inferred:
                    return [statement]
                return self._converted(block, statement, activity, dual)
            if is_call:
                return [statement]
        if isinstance(value, activity.nodes.Global | activity.nodes.FreeVar) or (
            isinstance(value, activity.nodes.Expr) and value.op == "getattr"
        ):
            function = activity.value_of(statement.target)
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
        func, named = self._constant(block, activity, "activated", activation.activated, loc)
        call = activity.nodes.Expr.call(func, [kind, plain], (), loc)
        self._set(activity.ir, statement, call)
        return [activity.nodes.Assign(value, plain, loc), before, named, statement]

    def _attribute(self, block, statement, activity):
        """Let an attribute that Numba refuses for arrays of duals be what a function returns."""
        stand_in = attribute_of(activity.nodes, statement.value)
        if stand_in in activation.COPIES and activity.may_go_stale(statement):
            stand_in = refusing(stand_in, self.state.func_id.func_name, statement)
            self.registered = True
        func, named = self._constant(block, activity, stand_in.__name__, stand_in, statement.loc)
        call = activity.nodes.Expr.call(func, [statement.value.value], (), statement.loc)
        self._set(activity.ir, statement, call)
        return [named, statement]

    def _displayed(self, block, statement, activity, active, dual):
        """Let the items of a list, or of a tuple that is gone through, all be duals."""
        display, target = statement.value, statement.target.name
        walked = display.op == "build_list" or target in activity.walked
        if target not in active or not walked:
            return [statement]
        before, items = [], []
        for item in display.items:
            result, added = self._activated_item(block, activity, item, dual, statement.loc)
            before += added
            items.append(result)
        changed = activity.nodes.Expr(display.op, display.loc, **{**display._kws, "items": items})
        self._set(activity.ir, statement, changed)
        return [*before, statement]

    def _activated_item(self, block, activity, item, dual, loc):
        """Return a variable with an item as a dual, and the statements that assign it."""
        if item.name in activity.carrying:
            return item, []
        kind, named = self._constant(block, activity, "dual", dual, loc)
        result, added = self._called(block, activity, activation.activated_item, [kind, item], loc)
        return result, [named, *added]

    def _stored(self, block, statement, activity, active, dual):
        """Let an array that has the type of what is stored first, a comprehension, hold duals."""
        definition = guard(get_definition, activity.ir, statement.target)
        is_call = isinstance(definition, activity.nodes.Expr) and definition.op == "call"
        if statement.target.name not in active or not is_call:
            return [statement]
        if activity.value_of(definition.func) is not empty_inferred:
            return [statement]
        statement.value, before = self._activated_item(
            block, activity, statement.value, dual, statement.loc
        )
        return [*before, statement]

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


def value_is_array(nodes, value):
    """Return whether what is assigned may be an array: what isn't needs no conversion."""
    if not isinstance(value, nodes.Expr):
        return True
    return value.op in ("binop", "unary", "call", "getitem", "static_getitem", "getattr", "cast")


def refusing(stand_in, name, statement):
    """Return what reads a part of a number, but not of an array that is written to meanwhile."""
    loc, part = statement.loc, statement.value.attr

    def read(numbers):
        raise NotImplementedError("compiled code only")

    @overload(read, strict=False)
    def typed(numbers):
        if activation.is_copied(numbers):
            reason = f"The array is written to while its part .{part}, a copy here, is in use."
            advice = f"Take .{part} anew where it is needed after the array has changed."
            raise located(name, loc.filename, loc.line, reason, advice)
        return lambda numbers: stand_in(numbers)

    return read


def attribute_of(nodes, value):
    """Return what stands in the place of an attribute that is read, if anything does."""
    is_read = isinstance(value, nodes.Expr) and value.op == "getattr"
    return activation.ATTRIBUTES.get(value.attr) if is_read else None


def is_number_class(function):
    """Return whether calling a thing converts a number to a type of NumPy's or Numba's."""
    return isinstance(function, types.Number) or (
        isinstance(function, type) and issubclass(function, np.number)
    )


def hashable(thing):
    return getattr(type(thing), "__hash__", None) is not None


def carry_derivatives(state):
    """Make a twin of a function that is compiled for a kernel."""
    return CarryDerivatives().run_pass(state)


class TwinCompiler(CompilerBase):
    """Numba's pipeline with two passes more."""

    def define_pipelines(self):
        manager = DefaultPassBuilder.define_nopython_pipeline(self.state)
        last = ReconstructSSA if self.state.flags.enable_ssa else LiteralUnroll
        manager.add_pass_after(CarryDerivatives, last)
        manager.add_pass_after(classes.CheckFields, NopythonTypeInference)
        manager.finalize()
        return [manager]


class Twin(CPUDispatcher):
    """A function compiled on duals, and the function itself where there are none."""

    def __init__(self, original):
        self.original = original
        options = {
            name: original.targetoptions[name] for name in OPTIONS if name in original.targetoptions
        }
        options |= {"nopython": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
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
        except NumbaError as error:
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
