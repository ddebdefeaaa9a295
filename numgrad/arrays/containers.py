"""Lists and dictionaries of typed items, with items that are duals."""

from numba import types
from numba.extending import overload
from numba.typed import Dict, List

from numgrad.arrays.creation import compiled_only, replaces
from numgrad.numbers.carrier import active_type


def retyped(dual, kind):
    """Return the type of what holds duals where another type of items holds numbers."""
    kind = kind.instance_type if isinstance(kind, types.TypeRef) else kind
    if isinstance(kind, types.NumberClass):
        return retyped(dual, kind.instance_type)
    if isinstance(kind, types.Float | types.Complex):
        return active_type(dual.instance_type, kind)
    if isinstance(kind, types.Array):
        return kind.copy(dtype=retyped(dual, kind.dtype))
    if isinstance(kind, types.BaseTuple):
        return types.Tuple([retyped(dual, item) for item in kind.types])
    if isinstance(kind, types.ListType):
        return types.ListType(retyped(dual, kind.item_type))
    if isinstance(kind, types.DictType):
        return types.DictType(kind.key_type, retyped(dual, kind.value_type))
    return kind


@replaces(List.empty_list)
def empty_list(dual, item_type, allocated=0):
    compiled_only()


@overload(empty_list)
def _empty_list(dual, item_type, allocated=0):
    items = retyped(dual, item_type)
    return lambda dual, item_type, allocated=0: List.empty_list(items, allocated)


@replaces(Dict.empty)
def empty_dict(dual, key_type, value_type, n_keys=0):
    compiled_only()


@overload(empty_dict)
def _empty_dict(dual, key_type, value_type, n_keys=0):
    keys, values = key_type.instance_type, retyped(dual, value_type)
    return lambda dual, key_type, value_type, n_keys=0: Dict.empty(keys, values, n_keys)
