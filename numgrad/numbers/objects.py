"""The types of objects whose fields hold numbers: instances of ``jitclass``, and structrefs.

Numba looks up all that it does with an instance in the type of its class: fields, methods,
properties. A class of the same name with other types of fields, and with twins for methods, is a
type of its own. It has no constructor, and Python never sees it. A structref has any types of
fields by itself.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from numba import types


class ActiveClass(types.ClassType):
    """A class some of whose fields hold numbers that carry something."""

    def __init__(self, original: Any, struct: dict[str, Any], twin_of: Callable[[Any], Any]):
        self.original = original
        named = type(original.class_name, (), {"__doc__": original.class_doc})
        super().__init__(
            named,
            None,
            struct,
            {name: twin_of(each) for name, each in original.jit_methods.items()},
            {
                name: {way: twin_of(each) for way, each in ways.items()}
                for name, ways in original.jit_props.items()
            },
            {name: twin_of(each) for name, each in original.jit_static_methods.items()},
        )


_active: dict[Any, Any] = {}  # classes of jitclass live for ever


def with_fields(kind: Any, fields: dict[str, Any], twin_of: Callable[[Any], Any]) -> Any:
    """The type of an object with other types of fields."""
    if isinstance(kind, types.StructRef):
        return type(kind)(tuple(fields.items()))
    original = original_class(kind)
    if fields == original.struct:
        return original.instance_type
    key = original, tuple(fields.items())
    if key not in _active:
        _active.setdefault(key, ActiveClass(original, fields, twin_of))
    return _active[key].instance_type


def original_class(kind: Any) -> Any:
    return getattr(kind.class_type, "original", kind.class_type)


def as_written(kind: Any, without: Callable[[Any], Any]) -> Any:
    """The type of an object as the user made it; given is a function of types of fields."""
    if isinstance(kind, types.StructRef):
        fields = {name: without(field) for name, field in kind.field_dict.items()}
        return kind if fields == kind.field_dict else type(kind)(tuple(fields.items()))
    return original_class(kind).instance_type


def fields_of(kind: Any) -> Any:
    """The types of an object's fields by name; None for any other value.

    It is also None for an object that refers to others of its class, which may be any number.
    """
    if isinstance(kind, types.ClassInstanceType) and not is_recursive(kind.class_type):
        return kind.struct
    return kind.field_dict if isinstance(kind, types.StructRef) else None


@cache
def is_recursive(class_type: Any) -> bool:
    """Whether an instance may refer to others of its class."""
    return any(map(is_deferred, class_type.struct.values()))


def is_deferred(kind: Any) -> bool:
    """Whether a type has a part that was to be defined later."""
    if isinstance(kind, types.Optional):
        return is_deferred(kind.type)
    if isinstance(kind, types.BaseTuple):
        return any(map(is_deferred, kind.types))
    if isinstance(kind, types.DictType):
        return is_deferred(kind.key_type) or is_deferred(kind.value_type)
    if isinstance(kind, types.ClassInstanceType):
        return is_recursive(kind.class_type)
    items = getattr(kind, "dtype", None)
    return isinstance(kind, types.DeferredType) or (
        isinstance(items, types.Type) and items is not kind and is_deferred(items)
    )
