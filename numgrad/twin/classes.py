"""Objects of classes in a twin: made of duals where their fields carry any, methods twinned.

An object whose fields may hold derivatives is one of another type from its birth on, as memory is
(`numgrad.numbers.objects`): a constructor makes such a one, and so does the driver of what it is
given. Other objects are constants, whose methods may be given duals.

What isn't followed so, a record or an object that refers to others of its class, has fields that no
dual fits. Numba finds out only when it writes machine code, if at all: an array of duals it takes
for an array of floats. Here it is checked while the line is known.
"""

import inspect
from functools import cache
from typing import Any

from numba import types
from numba.core import ir
from numba.core.compiler_machinery import AnalysisPass, register_pass
from numba.extending import overload
from numba.typed import Dict, List

from numgrad.arrays import copies
from numgrad.arrays.objects import new_object
from numgrad.numbers.carrier import without_derivatives
from numgrad.twin import effects, objects
from numgrad.twin.aliases import Object
from numgrad.twin.errors import OVERFILLED, located
from numgrad.twin.patterns import alike_parts
from numgrad.twin.source import Body, function_of
from numgrad.twin.statements import Statements

ADVICE = (
    "They have the types of plain numbers and arrays, and derivatives would be lost. Keep the "
    "value in a variable, in a namedtuple, whose fields take any type, or in an object that the "
    "function makes."
)
NOT_GIVEN = (
    "Fields of its argument {name} get derivatives here, and it came as one of plain numbers.",
    "Let the function that is differentiated take the object as an argument of its own, or make "
    "it there.",
)

NOT_FOLLOWED = (
    "The attribute {name} of a structref is computed by code that numgrad doesn't follow.",
    "Make it a method, by overload_method, or a function.",
)


@register_pass(mutates_CFG=False, analysis_only=True)
class CheckClasses(AnalysisPass):
    """Raise where derivatives would be lost in an object, or by a method that was mistaken."""

    _name = "numgrad_check_classes"

    def __init__(self):
        AnalysisPass.__init__(self)

    def run_pass(self, state):
        for block in state.func_ir.blocks.values():
            for statement in block.find_insts(ir.SetAttr):
                reason = field_overfilled(state, statement)
                if reason is not None:
                    name, loc = state.func_id.func_name, statement.loc
                    raise located(name, loc.filename, loc.line, reason, ADVICE)
        return False


def field_overfilled(state, statement):
    """The reason why a field can't hold what it is assigned, or None."""
    value = state.typemap[statement.value.name]
    owner, field = state.calltypes[statement].args
    is_property = statement.attr in getattr(owner, "jit_props", ())
    is_twinned = is_property and without_derivatives(owner) != owner
    is_constant = is_property and without_derivatives(value) == value
    if is_twinned or is_constant or (not is_property and objects.fits(value, field)):
        return None
    return OVERFILLED.format(statement.attr, described(owner))


def described(kind):
    """The name of an object's class in messages."""
    if isinstance(kind, types.ClassInstanceType):
        return f"jitclass ({kind.classname})"
    return "record" if isinstance(kind, types.Record) else f"structref ({type(kind).__name__})"


class Instances(Statements):
    """The statements about objects of one function, changed for one number."""

    carrier: Any
    active_versions: Any
    registered: bool

    def _active_object(self, shape):
        """The type of an object with derivatives in the fields that carry any, or None."""
        active = self._shadow_type(shape.kind, shape)
        return None if active == shape.kind else active

    def _shadow_type(self, kind, shape):
        """The type of a value with derivatives where it carries any."""
        twin_of = self.active_versions.twin_of
        return objects.shadow_type(kind, shape, self.activity, self.carrier, twin_of)

    def _object_of_argument(self, shape, kind, name):
        """Raise where an argument is no object of duals, and would have to be."""
        active = self._active_object(shape)
        if active is None or objects.active_fields(active) <= objects.active_fields(kind):
            return
        if objects.is_filled(shape):
            reason, advice = NOT_GIVEN
            loc = self.loc
            raise located(
                self.state.func_id.func_name,
                loc.filename,
                loc.line,
                reason.format(name=name),
                advice,
            )

    def _with_item_types(self, statement, arguments):
        """Let an empty list or dictionary be made for objects with derivatives."""
        shape = self.activity.shape(statement.target.name)
        function = self.activity.value_of(statement.value.func)
        place = {List.empty_list: 0, Dict.empty: 1}.get(function, len(arguments))
        if place >= len(arguments) or not isinstance(getattr(shape, "items", None), Object):
            return arguments, []
        active = self._active_object(shape.items)
        if active is None:
            return arguments, []
        kind, told = self._constant("items", active)
        return [*arguments[:place], kind, *arguments[place + 1 :]], [told]

    def _apart(self, variable, shape, pattern):
        """The statements that raise where parts of a value that become duals share memory."""
        pairs = alike_parts(shape, pattern)
        if not pairs:
            return []
        told, kept = self._constant("parts", copies.Parts(pairs))
        func, named = self._constant("apart", copies.check_apart)
        call = self.nodes.Expr.call(func, [told, variable], (), self.loc)
        return [kept, named, self.nodes.Assign(call, self._defined("$apart", call), self.loc)]

    def _is_construction(self, value):
        """Whether an expression makes an object that has its type from its birth on."""
        if not isinstance(value, self.nodes.Expr) or value.op != "call":
            return False
        is_class = isinstance(self.activity.type_of(value.func.name), types.ClassType)
        return is_class or effects.is_new_struct(self.activity.function_of(value.func))

    def _own_method(self, statement):
        """Replace constructors, and methods that may be given what carries derivatives."""
        function, arguments = self._replaced_method(statement)
        if function is None:
            return []
        self.registered = True
        variable, named = self._constant(function.__name__, function)
        call = statement.value
        self._set(statement, self.nodes.Expr.call(variable, arguments, (), call.loc, call.vararg))
        return [named]

    def _replaced_method(self, statement):
        """The active version of a constructor or a method, and its arguments, or None."""
        call, activity = statement.value, self.activity
        given = [*call.args, *(value for _, value in call.kws), *filter(None, [call.vararg])]
        is_given = any(activity.is_active(var.name) for var in given)
        kind, shape = activity.type_of(call.func.name), activity.shape(statement.target.name)
        if effects.is_new_struct(activity.function_of(call.func)):
            active = self._active_object(shape) if isinstance(shape, Object) else None
            return (None, []) if active is None else (new_struct(active), [])
        if objects.is_struct_method(kind):
            method = objects.struct_method(kind, activity.inferred.calls.get(call))
            owner, _ = activity.method_of(call.func)
            if method is None or not (is_given or activity.is_active(owner.name)):
                return None, []
            twin = self.active_versions.twin_of(method)
            return twin, [owner, *positional(method, [owner, *call.args], call.kws)[1:]]
        if isinstance(kind, types.ClassType):
            active = self._active_object(shape) if isinstance(shape, Object) else None
            if not is_given and active is None:
                return None, []
            init = kind.instance_type.jit_methods["__init__"]
            _, *arguments = positional(init, [None, *call.args], call.kws)
            made = active or kind.instance_type
            return constructor(made, self.active_versions.twin_of), arguments
        owner, name = activity.method_of(call.func)
        instance_type = None if owner is None else activity.type_of(owner.name)
        if not (is_given and isinstance(instance_type, types.ClassInstanceType)):
            return None, []
        method, itself = instance_type.jit_static_methods.get(name), []
        if method is None:
            method, itself = instance_type.jit_methods[name], [owner]
        arguments = positional(method, [*itself, *call.args], call.kws)[len(itself) :]
        return twin_of_method(name, self.active_versions.twin_of), [owner, *arguments]

    def _check_attribute(self, value):
        """Raise where an attribute of a structref is computed, by code that isn't followed."""
        kind, owner = self.activity.type_of(value.value.name), value.value.name
        is_computed = isinstance(kind, types.StructRef) and value.attr not in kind.field_dict
        if not is_computed or not self.activity.is_active(owner):
            return
        if not objects.is_method_of_struct(self.activity, value):
            reason, advice = NOT_FOLLOWED
            name, loc = self.state.func_id.func_name, self.loc
            raise located(name, loc.filename, loc.line, reason.format(name=value.attr), advice)

    def _operation(self, statement):
        """Replace an operator that calls a method of an object, if it is given derivatives."""
        found = objects.special_method(self.activity, statement.value)
        if found is None or not any(self.activity.is_active(each.name) for each in found[1]):
            return []
        return self._called(statement, *found)

    def _called(self, statement, name, operands):
        """Let a statement assign what a method returns; return the statement before."""
        if name in ("__len__", "__index__") or statement_negates(statement, name):
            return []  # Numba calls it, and makes something of its result
        self.registered = True
        variable, named = self._constant(name, twin_of_method(name, self.active_versions.twin_of))
        call = self.nodes.Expr.call(variable, operands, (), self.loc)
        self._set(statement, call)
        return [named]

    def _item_set(self, statement):
        """The statements in the place of one that stores an item by a method, or None."""
        found = objects.setting_method(self.activity, statement)
        if found is None or not any(self.activity.is_active(each.name) for each in found[1]):
            return None
        self.registered = True
        name, operands = found
        variable, named = self._constant(name, twin_of_method(name, self.active_versions.twin_of))
        call = self.nodes.Expr.call(variable, operands, (), self.loc)
        return [named, self.nodes.Assign(call, self._defined("$stored", call), self.loc)]


def statement_negates(statement, name):
    """Whether an expression is the opposite of what a method returns."""
    function = statement.value._kws.get("fn")
    return getattr(function, "__name__", "") == "ne" and name == "__eq__"


def positional(function, arguments, keywords):
    """Return the arguments of a call by position."""
    bound = inspect.signature(function.py_func).bind(*arguments, **dict(keywords))
    return list(bound.args)


@cache
def twin_of_method(name, twin_of):
    """A function that calls the twin of a method, or a method of another type as it is."""

    def call(owner, *arguments):
        raise NotImplementedError("compiled code only")

    @overload(call, strict=False)
    def typed(owner, *arguments):
        static = getattr(owner, "jit_static_methods", {})
        if name in static:
            method = twin_of(static[name])
            return lambda owner, *arguments: method(*arguments)
        if name in getattr(owner, "jit_methods", {}):
            method = twin_of(owner.jit_methods[name])
            return lambda owner, *arguments: method(owner, *arguments)
        return function_of(
            "call", "owner, *arguments", Body([f"return owner.{name}(*arguments)"], {})
        )

    return call


@cache
def new_struct(kind):
    """The function that makes a new structref of a type."""

    def new():
        raise NotImplementedError("compiled code only")

    @overload(new)
    def typed():
        return lambda: new_object(kind)

    return new


@cache
def constructor(kind, twin_of):
    """The constructor of objects of a type, which may have derivatives."""
    init = twin_of(without_derivatives(kind).jit_methods["__init__"])

    def construct(*arguments):
        raise NotImplementedError("compiled code only")

    @overload(construct, strict=False)
    def typed(*arguments):
        def made(*arguments):
            instance = new_object(kind)
            init(instance, *arguments)
            return instance

        return made

    return construct
