"""Objects of classes in the analysis: fields, and methods behind attributes and operators.

What a user's statement does with an instance of a ``jitclass`` is read in the source of the method
that it calls: a constructor, a property, or ``__add__`` for a sum.
"""

import builtins
import operator
from functools import cache
from types import SimpleNamespace

import numba
from numba import types
from numba.core.registry import cpu_target

from numgrad.numbers import objects
from numgrad.numbers.carrier import active_type, is_carrier, without_derivatives
from numgrad.twin import calls
from numgrad.twin.aliases import (
    Container,
    Object,
    Place,
    assign,
    combine,
    confuse,
    places,
    share,
    write_all,
)
from numgrad.twin.origins import hashable

IN_PLACE = {
    f"i{name}": name for name in "add floordiv lshift mul mod pow rshift sub truediv".split()
}
IN_PLACE |= {f"i{name}": name for name in ("and", "or", "xor")}
REFLECTED = {"ge": "le", "gt": "lt", "le": "ge", "lt": "gt", "eq": "eq"}
INSTEAD = {"bool": ("len",), "float": ("index",), "int": ("index",), "ne": ("eq",)} | {
    name: (other,) for name, other in IN_PLACE.items()
}
BY_METHODS = {
    *(each for name, each in vars(operator).items() if not name.startswith("_")),
    *(getattr(builtins, name) for name in "abs len bool float int complex str hash".split()),
}


# Attributes


def relate_attribute(activity, target, expr):
    """Relate a field, a method or a property of an instance; tell if it is new memory."""
    owner, kind, name = (
        activity.shape(expr.value.name),
        activity.type_of(expr.value.name),
        expr.attr,
    )
    if isinstance(owner, Object) and name in owner.fields:
        assign(target, owner.fields[name])
        return False
    if name in getattr(kind, "jit_props", ()):
        return relate_method(activity, target, kind.jit_props[name]["get"], [expr.value])
    share(target, owner)
    return False if isinstance(owner, Place) else None


def has_fields(kind):
    """Whether the attributes of a value are what its fields are named."""
    element = kind.dtype if isinstance(kind, types.Array) else kind
    return isinstance(element, types.ClassInstanceType | types.StructRef | types.Record)


def relate_set_attribute(activity, statement):
    """Relate what is stored in a field, or given to a property."""
    owner, value = activity.shape(statement.target.name), activity.shape(statement.value.name)
    setters = getattr(activity.type_of(statement.target.name), "jit_props", {})
    if statement.attr in setters:
        method = setters[statement.attr]["set"]
        relate_method(activity, None, method, [statement.target, statement.value])
    elif isinstance(owner, Object) and statement.attr in owner.fields:
        assign(owner.fields[statement.attr], value)
        owner.place.write()
        write_all(value)  # the object may, from now on, and whoever finds the memory in it
    else:
        write_all(owner)
        if isinstance(owner, Place) and not owner.find().is_opaque:  # a record
            combine(owner, value)
        else:
            confuse(owner, value)


def relate_construction(call):
    """Relate a call of a class, whose result is a new object."""
    itself, instance_type = call.target, call.kind.instance_type
    if not isinstance(itself, Object) or call.signature is None:
        return calls.unknown(call)
    inner = SimpleNamespace(activity=call.activity, target=None, keywords=call.keywords)
    kinds = (instance_type, *call.signature.args)
    calls.relate_source(inner, instance_type.jit_methods["__init__"], kinds, [itself, *call.given])
    return True


def is_struct_method(kind):
    return isinstance(kind, types.BoundFunction) and isinstance(kind.this, types.StructRef)


def is_method_of_struct(activity, value):
    """Whether an attribute of a structref is a method."""
    context = cpu_target.typing_context
    found = context.resolve_getattr(activity.type_of(value.value.name), value.attr)
    return isinstance(found, types.BoundFunction)


def relate_struct_method(call):
    """Relate a call of a method of a structref, by the source that its overload chose."""
    owner = call.activity.shape(call.expr.func.name)
    method = struct_method(call.kind, call.signature)
    if method is None:
        return calls.unknown(call, [owner, *call.operands])
    kinds = (call.kind.this, *call.signature.args)
    return calls.relate_source(call, method, kinds, [owner, *call.given])


def struct_method(kind, sig):
    """The method of a structref that an overload chooses for a call, compiled; or None."""
    choose = getattr(kind.template, "_overload_func", None)
    if choose is None or sig is None:
        return None
    return chosen_method(choose, tuple(map(without_derivatives, (kind.this, *sig.args))))


@cache
def chosen_method(choose, kinds):
    source = choose(*kinds)
    return None if source is None else numba.njit(source)


# Methods behind operators


def special_method(activity, value):
    """The name of the method that an expression calls for, and its operands; or None."""
    function, operands = operation(activity, value)
    if not operands or None in operands:
        return None
    names = [function.__name__.strip("_")]
    names += INSTEAD.get(names[0], ())
    for name in names:
        if is_method(activity, operands[0], name):
            return f"__{name}__", operands
    other = REFLECTED.get(names[0])
    if other is not None and is_method(activity, operands[-1], other):
        return f"__{other}__", operands[::-1]
    return None


def operation(activity, value):
    """The function that an expression calls, and its operands, if it may be a method's."""
    op = value.op
    if op in ("binop", "inplace_binop"):
        return value.fn, [value.lhs, value.rhs]
    if op == "unary":
        return value.fn, [value.value]
    if op == "getitem":
        return operator.getitem, [value.value, value.index]
    if op == "static_getitem":
        return operator.getitem, [value.value, value.index_var]
    if op == "call" and not value.kws and value.vararg is None:
        function = activity.function_of(value.func)
        if hashable(function) and function in BY_METHODS:
            return function, list(value.args)
    return None, []


def is_method(activity, owner, name):
    """Whether a variable's object has a special method."""
    kind = activity.type_of(owner.name)
    return isinstance(kind, types.ClassInstanceType) and f"__{name}__" in kind.jit_methods


def relate_operation(activity, target, found):
    """Relate an expression that calls a method; tell if the result is new memory."""
    name, operands = found
    method = activity.type_of(operands[0].name).jit_methods[name]
    return relate_method(activity, target, method, operands)


def relate_set_item(activity, statement):
    """Relate what is stored by the method of an object; tell whether there is one."""
    found = setting_method(activity, statement)
    if found is not None:
        relate_operation(activity, None, found)
    return found is not None


def setting_method(activity, statement):
    """The name of the method that stores an item in an object, and its operands; or None."""
    if not is_method(activity, statement.target, "setitem"):
        return None
    index = statement.index_var if hasattr(statement, "index_var") else statement.index
    return "__setitem__", [statement.target, index, statement.value]


def relate_method(activity, target, method, operands):
    """Relate a call of a method for its operands, the object first."""
    kinds = tuple(types.unliteral(activity.type_of(each.name)) for each in operands)
    call = SimpleNamespace(activity=activity, target=target, keywords={})
    given = [activity.shape(each.name) for each in operands]
    return calls.relate_source(call, method, None if None in kinds else kinds, given)


# Types with derivatives


def shadow_type(kind, shape, activity, carrier, twin_of):
    """Return the type that a value has with derivatives where its places are active."""

    def shadow(kind, shape):
        return shadow_type(kind, shape, activity, carrier, twin_of)

    if isinstance(shape, tuple) and isinstance(kind, types.BaseTuple):
        kinds = [shadow(item, part) for item, part in zip(kind.types, shape, strict=True)]
        if isinstance(kind, types.BaseNamedTuple):
            return kind.from_types(kinds, kind.instance_class)
        return types.Tuple(kinds)
    if isinstance(kind, types.Optional):
        return types.Optional(shadow(kind.type, shape))
    if isinstance(shape, Object):
        plain = objects.fields_of(without_derivatives(kind))
        fields = {name: shadow(field, shape.fields[name]) for name, field in plain.items()}
        return objects.with_fields(kind, fields, twin_of)
    if isinstance(shape, Container):
        return shadow_container(kind, shape, shadow)
    if not isinstance(shape, Place) or not activity.carries(shape):
        return kind
    if isinstance(kind, types.Array):
        return kind.copy(dtype=active_type(carrier, kind.dtype))
    return active_type(carrier, kind)


def shadow_container(kind, shape, shadow):
    """The type of a list or a dictionary whose items have derivatives."""
    if isinstance(kind, types.ListType):
        return types.ListType(shadow(kind.item_type, shape.items))
    if isinstance(kind, types.DictType):
        values = shadow(kind.value_type, shape.items)
        return types.DictType(shadow(kind.key_type, shape.keys), values)
    return kind.copy(dtype=shadow(kind.dtype, shape.items)) if hasattr(kind, "dtype") else kind


def active_fields(kind):
    """The names of the fields of an object that hold derivatives."""
    fields = objects.fields_of(kind) or {}
    return {name for name, field in fields.items() if without_derivatives(field) != field}


def is_filled(shape):
    """Whether memory in the fields of an object is written to."""
    return any(place.find().is_written for place in places(shape))


def fits(value, field):
    """Whether a field can hold what it is assigned, as far as derivatives go.

    Numba converts numbers, and tuples of them. An array of duals it takes for an array of floats.
    """
    value, field = (
        each.type if isinstance(each, types.Optional) else each for each in (value, field)
    )
    if isinstance(value, types.BaseTuple) and isinstance(field, types.BaseTuple):
        return all(map(fits, value.types, field.types))
    if is_carrier(value):
        return is_carrier(field)
    if isinstance(value, types.Number | types.Boolean | types.NoneType):
        return True
    held, wanted = (getattr(each, "dtype", each) for each in (value, field))
    is_plain = without_derivatives(value) == value and without_derivatives(field) == field
    return is_plain or held == wanted
