"""NumPy's functions that write to an array."""

import inspect
from typing import Any

import numpy as np

from numgrad.tracer.arrays import TracedArray, fresh, store
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
    given = bound.arguments
    names = list(inspect.signature(function).parameters)
    target, source = names[0], names[WRITING[function]]
    array, value = given[target], given[source]
    others = [name for name in given if name not in (target, source)]
    given.update({name: values_in(given[name]) for name in others})
    if isinstance(array, TracedArray):
        given[target], given[source] = array.raw, array.in_memory(value)
        if function in (np.place, np.put, np.putmask):
            given[source] = np.atleast_1d(given[source])
        function(*bound.args, **bound.kwargs)
        array.written(function.__name__, arguments)
        return
    if is_active((value,)):
        store(array, ..., value)  # which refuses it
    given[source] = values_in(value)
    function(*bound.args, **bound.kwargs)


def nan_to_num(
    x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    """Return numbers in the place of nan and inf: in the same array if no copy is asked for."""
    result = fresh(x).copy("K") if copy else fresh(x)
    parts = [result.real, result.imag] if result.dtype.kind == "c" else [result]
    for part in parts:
        values = part.values
        clean = np.nan_to_num(values, nan=nan, posinf=posinf, neginf=neginf)
        bad = ~np.isfinite(values)
        if bad.any():
            part[bad] = clean[bad]
    return result if result.ndim else result[()]
