"""NumPy's functions that write to an array."""

import inspect
from typing import Any

import numpy as np

from numgrad.tracer.arrays import TracedArray, fresh, store
from numgrad.tracer.elements import values_of
from numgrad.tracer.inside import is_active, values_in

# Those that write to their first argument, and where what they write stands.
WRITING = {
    np.copyto: 1,
    np.fill_diagonal: 1,
    np.place: 2,
    np.put: 2,
    np.put_along_axis: 2,
    np.putmask: 2,
}


def written_by(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
    """Let a function write to an array, traced or not."""
    bound = inspect.signature(function).bind(*arguments, **keywords)
    target, source = (list(bound.arguments)[k] for k in (0, WRITING[function]))
    given = dict(bound.arguments)
    array, value = given[target], given[source]
    given = {k: v if k in (target, source) else values_in(v) for k, v in given.items()}
    if not isinstance(array, TracedArray):
        if is_active((value,)):
            store(array, ..., value)  # which refuses it
        given[source] = values_in(value)
        _call(function, given)
        return
    given[target], given[source] = array.raw, array.in_memory(value)
    if function in (np.place, np.put, np.putmask):
        given[source] = np.atleast_1d(given[source])
    _call(function, given)
    array.written(function.__name__, arguments)


def _call(function: Any, given: dict[str, Any]) -> None:
    names = [
        p.name
        for p in inspect.signature(function).parameters.values()
        if p.kind is not p.KEYWORD_ONLY and p.name in given
    ]
    first = [given[name] for name in names]
    function(*first, **{name: v for name, v in given.items() if name not in names})


def nan_to_num(
    x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    """Return numbers in the place of nan and inf: in the same array if no copy is asked for."""
    result = fresh(x).copy("K") if copy else fresh(x)
    parts = [result.real, result.imag] if result.dtype.kind == "c" else [result]
    for part in parts:
        values = values_of(part.elements)
        clean = np.nan_to_num(values, nan=nan, posinf=posinf, neginf=neginf)
        bad = ~np.isfinite(values)
        if bad.any():
            part[bad] = clean[bad]
    return result if isinstance(x, TracedArray) or result.ndim else result[()]
