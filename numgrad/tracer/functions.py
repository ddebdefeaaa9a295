"""NumPy's functions of arrays, on traced ones.

Most of them move elements about or add and multiply them, and so take object arrays as they are.
What tests looks at values. What chooses, sorts, divides or takes roots is written out beside this.
"""

import inspect
from typing import Any

import numpy as np

from numgrad.duals.number import find
from numgrad.duals.rules import TABLE
from numgrad.tracer import linear_algebra, pieces, statistics
from numgrad.tracer.elements import (
    Elements,
    computed,
    is_array,
    is_dual,
    objects,
    values_of,
)
from numgrad.tracer.lines import OWN, along, one, whole
from numgrad.tracer.numbers import (
    NO_RULE,
    TracedArray,
    computed_by,
    elements_of,
    has_traced,
    plain,
    store,
    traced,
)
from numgrad.tracer.places import refusal

# What takes arrays of any objects: it moves them, or needs nothing but their operators.
OF_OBJECTS = frozenset(
    """
    append array_split atleast_1d atleast_2d atleast_3d block broadcast_arrays broadcast_to
    column_stack compress concatenate copy delete diag diagflat diagonal dsplit dstack expand_dims
    extract flip fliplr flipud hsplit hstack insert matrix_transpose moveaxis permute_dims ravel
    repeat reshape resize roll rollaxis rot90 split squeeze stack swapaxes take
    take_along_axis tile transpose tril triu unstack vsplit vstack
    convolve correlate cross cumprod cumsum cumulative_prod cumulative_sum diff dot ediff1d einsum
    inner kron outer polyval prod sum tensordot trace trapezoid trapz vander vdot vecdot
    """.split()
)
# What looks at values alone.
OF_VALUES = frozenset(
    """
    all allclose any argmax argmin argpartition argsort argwhere array2string array_equal
    array_equiv array_repr array_str bincount can_cast count_nonzero digitize flatnonzero
    iscomplexobj isclose iscomplex isreal isrealobj lexsort nanargmax nanargmin ndim nonzero
    result_type searchsorted shape size
    """.split()
)
# The modules that register what is written out
WRITTEN_OUT = (linear_algebra, pieces, statistics)
# What writes to its first argument.
WRITING = frozenset("copyto fill_diagonal place put put_along_axis putmask".split())


def called(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Return what one of NumPy's functions gives for traced numbers."""
    name = function.__name__
    if function is np.linalg.norm:
        name = "norm"
    out = keywords.pop("out", None)
    if name in WRITING:
        return _written_by(function, arguments, keywords)
    if name in OF_VALUES:
        result = function(*map(_values, arguments), **{k: _values(v) for k, v in keywords.items()})
    elif name in OWN:
        inside = [_inside(argument) for argument in arguments]
        elements = OWN[name](*inside, **{k: _inside(v) for k, v in keywords.items()})
        result = traced(whole(elements, inside), name, arguments)
    elif name in OF_OBJECTS:
        inside = [_inside(argument) for argument in arguments]
        elements = function(*inside, **{k: _inside(v) for k, v in keywords.items()})
        views = next((each for each in arguments if isinstance(each, TracedArray)), None)
        result = traced(whole(elements, inside), name, (*arguments, *keywords.values()), views)
    elif _has_rule(function):
        result = computed_by(function, _positional(function, arguments, keywords))
    elif not _is_active((*arguments, *keywords.values())):
        result = function(*map(_values, arguments), **{k: _values(v) for k, v in keywords.items()})
    else:
        raise refusal(f"numpy.{name} has no derivative here.", NO_RULE)
    if out is None:
        return result
    store(out, ..., result)
    return out


def _positional(
    function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]
) -> tuple[Any, ...]:
    """Return all arguments in order."""
    if not keywords:
        return arguments
    bound = inspect.signature(function).bind(*arguments, **keywords)
    if bound.kwargs:
        raise refusal(f"{function.__name__} with {', '.join(bound.kwargs)} isn't traced.", NO_RULE)
    return bound.args


def _has_rule(function: Any) -> bool:
    try:
        return function in TABLE or bool(find(function))
    except TypeError:
        return False


def _is_active(operands: tuple[Any, ...]) -> bool:
    return any(has_traced(each) and is_dual(elements_of(each)) for each in operands)


def _inside(x: Any) -> Any:
    """Return the elements of what is traced, in lists and tuples too; arrays beside as objects."""
    if type(x) in (list, tuple):
        if has_traced(x) or any(is_array(item) for item in x):
            return type(x)(map(_inside, x))
        return x
    if is_array(x) and x.dtype.kind in "fc":
        return objects(x)
    if not has_traced(x):
        return x
    elements = elements_of(x)
    return elements if is_array(elements) else one(elements)


def _values(x: Any) -> Any:
    if type(x) in (list, tuple):
        return type(x)(map(_values, x))
    return values_of(elements_of(x)) if has_traced(x) and is_array(x) else plain(x)


def _written_by(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
    """Let a function write to a traced array."""
    target, *others = arguments
    if not isinstance(target, TracedArray):
        if _is_active(tuple(others)):
            store(target, ..., others[0] if function is np.copyto else others[-1])
        function(target, *map(_values, others), **keywords)
        return
    keywords = {k: _inside(v) for k, v in keywords.items()}
    function(target.elements, *map(_inside, others), **keywords)
    target.written(function.__name__, arguments)


# Ufuncs


def ufunc_method(
    ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], keywords: dict[str, Any]
) -> Any:
    """Return what a ufunc or one of its methods gives."""
    name = ufunc.__name__
    keywords = {k: v for k, v in keywords.items() if k != "casting"}
    if name in ("matmul", "vecdot", "vecmat", "matvec") and method == "__call__" and not keywords:
        elements = ufunc(*(objects(each) for each in map(_inside, inputs)))
        return traced(whole(elements, list(map(_inside, inputs))), name, inputs)
    if not _is_active(inputs) and not _has_rule(ufunc):
        return getattr(ufunc, method)(*map(_values, inputs), **keywords)
    if keywords.get("dtype") is not None and method == "__call__":
        others = {k: v for k, v in keywords.items() if k != "dtype"}
        return ufunc_method(ufunc, method, inputs, others).astype(keywords["dtype"])
    if method == "__call__":
        if keywords:
            raise refusal(f"{name} with {', '.join(keywords)} has no derivative here.", NO_RULE)
        return computed_by(ufunc, inputs)
    own_ufunc = np.frompyfunc(lambda *numbers: computed(ufunc, *numbers), ufunc.nin, ufunc.nout)
    if method == "at":
        return _at(own_ufunc, name, inputs)
    inside = [_inside(each) for each in inputs]
    if method in ("reduce", "accumulate", "reduceat"):
        if keywords.pop("dtype", None) is not None:
            raise refusal(f"{name}.{method} with dtype has no derivative here.", NO_RULE)
        if method == "reduce":
            elements = _reduced(own_ufunc, ufunc, *inside, **keywords)
        else:
            elements = getattr(own_ufunc, method)(*inside, **keywords)
    elif method == "outer":
        elements = own_ufunc.outer(*(objects(each) for each in inside), **keywords)
    else:
        raise refusal(f"{name}.{method} has no derivative here.", NO_RULE)
    return traced(whole(elements, inside), f"{name}.{method}", inputs)


def _at(own_ufunc: Any, name: str, inputs: tuple[Any, ...]) -> None:
    target, *others = inputs
    if not isinstance(target, TracedArray):
        raise refusal(f"{name}.at on a NumPy array would lose derivatives.", NO_RULE)
    own_ufunc.at(target.elements, *map(_inside, others))
    target.written(f"{name}.at", inputs)


def _reduced(
    own_ufunc: Any,
    ufunc: np.ufunc,
    elements: Elements,
    axis: Any = 0,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    """Return the reduction of an object array by a ufunc of the table."""
    if where is not True:
        raise refusal(f"{ufunc.__name__}.reduce with where has no derivative here.", NO_RULE)
    elements = objects(elements)
    if ufunc in (np.maximum, np.minimum) and initial is None:
        return OWN[{"maximum": "max", "minimum": "min"}[ufunc.__name__]](elements, axis, keepdims)

    def line_of(line: Any) -> Any:
        if initial is not None:
            line = np.concatenate((objects([initial]), line))
        if not line.size and ufunc.identity is not None:
            return float(ufunc.identity)
        return own_ufunc.reduce(line)

    return along(line_of, elements, axis, keepdims)
