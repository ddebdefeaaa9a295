"""Functions in pieces, and numbers evenly spaced: choices by value, interpolation, allocations."""

from typing import Any

import numpy as np

from numgrad.tracer.bodies import run
from numgrad.tracer.elements import (
    Elements,
    computed,
    is_array,
    objects,
    values_of,
)
from numgrad.tracer.lines import own


@own("where")
def where(condition: Any, *choices: Any) -> Any:
    """Return the elements of one array or the other; or where a condition holds."""
    if not choices:
        return np.nonzero(values_of(condition))
    return computed(np.where, values_of(condition), *choices)


@own("clip")
def clip(a: Elements, a_min: Any = None, a_max: Any = None, **bounds: Any) -> Elements:
    """Return the elements, kept between bounds."""
    return computed(np.clip, a, bounds.get("min", a_min), bounds.get("max", a_max))


def arange(start: Any, step: Any, count: int) -> Elements:
    """Return so many numbers from start on, in steps."""
    results = [computed(np.add, start, computed(np.multiply, float(k), step)) for k in range(count)]
    return np.fromiter(results, object, count)


def _single(x: Any) -> Any:
    """Return the element of an array without dimensions."""
    return x[()] if is_array(x) and not x.ndim else x


@own("interp")
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None) -> Elements:
    """Return the numbers on the lines from point to point; beyond, what is given for that."""
    xp, fp = objects(xp), objects(fp)
    places, ends = values_of(xp), (left, right)
    result = run(np.interp, x, xp, fp)
    for end, outside in zip(ends, (np.less, np.greater), strict=True):
        if end is not None:
            limit = places[0] if outside is np.less else places[-1]
            result = computed(np.where, outside(values_of(x), limit), _single(end), result)
    return result
