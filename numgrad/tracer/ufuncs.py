"""Ufuncs of traced arrays, and their methods."""

from typing import Any

import numpy as np

from numgrad.tracer.arrays import TracedArray, store, traced
from numgrad.tracer.elements import Elements, computed, objects
from numgrad.tracer.inside import has_rule, inside_of, is_active, values_in
from numgrad.tracer.lines import IMPLEMENTED, along, whole
from numgrad.tracer.numbers import NO_RULE, Traced, plain
from numgrad.tracer.operators import computed_by, for_pandas, is_called_by_pandas
from numgrad.tracer.places import refusal
from numgrad.tracer.products import with_constants
from numgrad.tracer.values import value_by, valued

PRODUCTS = ("matmul", "vecdot", "vecmat", "matvec")


def ufunc_called(
    ufunc: np.ufunc,
    method: str,
    inputs: tuple[Any, ...],
    out: tuple[Any, ...] | None,
    keywords: dict[str, Any],
) -> Any:
    """Return what a ufunc or one of its methods gives, stored in arrays that are given for it."""
    where = keywords.pop("where", True) if method == "__call__" else True
    where = True if where is np._NoValue else where
    try:
        result = ufunc_method(ufunc, method, inputs, keywords)
    except ValueError:
        if out is not None:
            _raise_as(getattr(ufunc, method), inputs, out, keywords)
        raise
    if out is None:
        return for_pandas(result) if is_called_by_pandas(3) else result
    results = result if isinstance(result, tuple) else (result,)
    pairs = [(p, r) for p, r in zip(out, results, strict=True) if p is not None]
    if any(np.shape(p) != np.shape(r) or p.dtype != _dtype_of(r) for p, r in pairs):
        _raise_as(getattr(ufunc, method), inputs, out, keywords)
    for place, each in pairs:
        _store_where(place, where, each)
    filled = tuple(
        each if place is None else place for place, each in zip(out, results, strict=True)
    )
    return filled if isinstance(result, tuple) else filled[0]


def _dtype_of(x: Any) -> Any:
    return getattr(x, "dtype", type(x))


def _raise_as(
    function: Any, inputs: tuple[Any, ...], out: tuple[Any, ...], keywords: dict[str, Any]
) -> None:
    """Raise what NumPy raises for arrays that can't take the result."""
    places = tuple(each if each is None else np.empty_like(plain(each)) for each in out)
    with np.errstate(all="ignore"):
        function(*map(values_in, inputs), out=places, **keywords)


def _store_where(place: Any, where: Any, result: Any) -> None:
    """Store a result, where a condition holds."""
    if where is True:
        store(place, ..., result)
        return
    if not np.ndim(place):
        if np.all(plain(where)):
            store(place, ..., result)
        return
    chosen = np.broadcast_to(where, np.shape(place))
    store(place, chosen, np.broadcast_to(result, np.shape(place))[chosen])


def ufunc_method(
    ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], keywords: dict[str, Any]
) -> Any:
    """Return what a ufunc or one of its methods gives."""
    name = ufunc.__name__
    keywords = {k: v for k, v in keywords.items() if k not in ("casting", "subok")}
    if method == "at":
        return _at(ufunc, inputs)
    if name in PRODUCTS and method == "__call__" and not keywords:
        elements = with_constants(*inputs) if name == "matmul" else None
        if elements is None:
            inside = [objects(each) for each in map(inside_of, inputs)]
            elements = whole(ufunc(*inside), inside)
        elif not elements.ndim:
            elements = elements[()]
        return traced(valued(elements, value_by(ufunc, inputs)), name, inputs)
    if not is_active(inputs) and not has_rule(ufunc):
        return getattr(ufunc, method)(*map(values_in, inputs), **keywords)
    if keywords.get("dtype") is not None and method == "__call__":
        others = {k: v for k, v in keywords.items() if k != "dtype"}
        dtype = keywords["dtype"]
        is_class = isinstance(dtype, type) and issubclass(dtype, np.dtype)  # as NumPy's code says
        result = ufunc_method(ufunc, method, inputs, others)
        return result.astype(dtype() if is_class else dtype)
    if method == "__call__":
        if keywords:
            raise refusal(f"{name} with {', '.join(keywords)} has no derivative here.", NO_RULE)
        return computed_by(ufunc, inputs)
    elements_ufunc = _of_elements(ufunc)
    inside = [inside_of(each) for each in inputs]
    like = value_by(getattr(ufunc, method), inputs, keywords)
    if method in ("reduce", "accumulate", "reduceat"):
        if keywords.pop("dtype", None) is not None:
            raise refusal(f"{name}.{method} with dtype has no derivative here.", NO_RULE)
        if method == "reduce":
            elements = _reduced(elements_ufunc, ufunc, *inside, **keywords)
        else:
            elements = getattr(elements_ufunc, method)(*inside, **keywords)
    elif method == "outer":
        elements = elements_ufunc.outer(*(objects(each) for each in inside), **keywords)
    else:
        raise refusal(f"{name}.{method} has no derivative here.", NO_RULE)
    return traced(valued(whole(elements, inside), like), f"{name}.{method}", inputs)


def _of_elements(ufunc: np.ufunc) -> Any:
    """Return a ufunc of objects that follows the table."""
    return np.frompyfunc(lambda *numbers: computed(ufunc, *numbers), ufunc.nin, ufunc.nout)


def _at(ufunc: np.ufunc, inputs: tuple[Any, ...]) -> None:
    """Compute a ufunc in place, once for each time that an index is given."""
    target, index, *others = inputs
    if not isinstance(target, TracedArray):
        if is_active(inputs):
            raise refusal(f"{ufunc.__name__}.at on a NumPy array would lose derivatives.", NO_RULE)
        ufunc.at(target, values_in(index), *map(values_in, others))
        return
    if has_rule(ufunc):
        work, ufunc = target.elements.copy(), _of_elements(ufunc)
        ufunc.at(work, values_in(index), *map(inside_of, others))
    elif not is_active(inputs):
        work = values_in(target)
        ufunc.at(work, values_in(index), *map(values_in, others))
    else:
        raise refusal(f"{ufunc.__name__} has no rule.", NO_RULE)
    target[...] = work


def _reduced(
    elements_ufunc: Any,
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
        return IMPLEMENTED[{"maximum": "max", "minimum": "min"}[ufunc.__name__]](
            elements, axis, keepdims
        )

    def line_of(line: Any) -> Any:
        if initial is not None:
            line = np.concatenate((objects([initial]), line))
        if not line.size and ufunc.identity is not None:
            return float(ufunc.identity)
        return elements_ufunc.reduce(line)

    return along(line_of, elements, axis, keepdims)


def array_ufunc(
    self: Traced,  # noqa: ARG001
    ufunc: np.ufunc,
    method: str,
    *inputs: Any,
    out: Any = None,
    **keywords: Any,
) -> Any:
    """Answer for traced operands when NumPy calls a ufunc."""
    return ufunc_called(ufunc, method, inputs, out, keywords)


setattr(Traced, "__array_ufunc__", array_ufunc)  # noqa: B010 - here, where ufuncs are known
