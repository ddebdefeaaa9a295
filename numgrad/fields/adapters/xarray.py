"""xarray: operators along dimensions by name, with coordinates, and results with labels."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from numgrad.fields.adapters.chunks import is_chunked
from numgrad.fields.adapters.labels import is_dataset, is_labelled
from numgrad.fields.adapters.times import IN_UDUNITS, SECONDS, is_time, numbers_of

Call = Callable[..., Any]


def labelled(
    operator: Call,
    given: Any,
    varargs: Sequence[Any],
    power: int,
    *,
    several: bool = False,
    datetime_unit: str | None = None,
    **keywords: Any,
) -> Any:
    """Give the result of an operator on labelled arrays, by the names of its dimensions.

    ``several`` components come as a tuple. ``power`` says how often it is derived by a coordinate.
    """
    components = list(given) if several else [given]
    if any(is_dataset(component) for component in components):
        return _of_datasets(operator, components, varargs, power, several, datetime_unit, keywords)
    import xarray

    arrays = [one for one in components if is_labelled(one)]
    if len(arrays) != len(components):
        raise TypeError("all components must be xarray.DataArrays if one is")
    arrays = list(xarray.align(*arrays, join="exact"))
    first = arrays[0]
    arrays = [array.transpose(*first.dims) for array in arrays]
    axis = keywords.pop("axis", None)
    if axis is None and operator.__name__ == "differentiate" and not isinstance(varargs[0], str):
        axis = -1
    axes, spacings, units = _along(first, varargs, axis, datetime_unit)
    factors = keywords.get("scale_factors")
    if factors is not None:
        keywords["scale_factors"] = tuple(_spread(factor, first) for factor in factors)
        units = [None]
    by_times = any(isinstance(one, str) and is_time(first[one].dtype) for one in varargs)
    data = [_samples(array, by_times, datetime_unit) for array in arrays]
    axis = axes[0] if operator.__name__ == "differentiate" else axes
    results = operator(data if several else data[0], *spacings, axis=axis, **keywords)
    each = results if isinstance(results, tuple) else (results,)
    of_each = [[unit] for unit in units] if operator.__name__ == "gradient" else [units] * len(each)
    of_each = of_each if len(of_each) == len(each) else [[None]] * len(each)
    answers = tuple(
        _wrapped(first, result, own, power) for result, own in zip(each, of_each, strict=True)
    )
    return answers if isinstance(results, tuple) else answers[0]


def _wrapped(like: Any, result: Any, units: Sequence[str | None], power: int) -> Any:
    answer = like.copy(data=result)
    answer.attrs = {}
    own = like.attrs.get("units")
    if own is not None and len(set(units)) == 1 and units[0] is not None:
        below = units[0] if units[0].isidentifier() else f"({units[0]})"
        answer.attrs["units"] = f"{own} {below}-{power}"
    return answer


def _of_datasets(
    operator: Call,
    components: Sequence[Any],
    varargs: Sequence[Any],
    power: int,
    several: bool,
    datetime_unit: str | None,
    keywords: dict[str, Any],
) -> Any:
    """Derive variable by variable: those that have all dimensions that are named."""
    first = components[0]
    if not all(is_dataset(component) for component in components):
        raise TypeError("all components must be xarray.Datasets if one is")
    named = [name for name in varargs if isinstance(name, str)]
    dims = {first[name].dims[0] if name in first.coords else name for name in named}
    results: dict[str, Any] = {}
    for name, variable in first.data_vars.items():
        if dims <= set(variable.dims) and np.issubdtype(variable.dtype, np.number):
            given = tuple(component[name] for component in components) if several else variable
            results[name] = labelled(
                operator,
                given,
                varargs,
                power,
                several=several,
                datetime_unit=datetime_unit,
                **dict(keywords),
            )
    if not results:
        raise ValueError(f"no variable of the Dataset has the dimensions {', '.join(sorted(dims))}")
    sample = next(iter(results.values()))
    if not isinstance(sample, tuple):
        return first.drop_vars(first.data_vars).assign(results)
    return tuple(
        first.drop_vars(first.data_vars).assign({n: each[k] for n, each in results.items()})
        for k in range(len(sample))
    )


def _along(
    array: Any, varargs: Sequence[Any], axis: Any, datetime_unit: str | None
) -> tuple[tuple[int, ...], list[Any], list[str | None]]:
    """Give the axes to derive along, the spacing of each, and the units of their coordinates."""
    names = [one for one in varargs if isinstance(one, str)]
    axes = None
    if axis is not None:
        given = axis if isinstance(axis, tuple) else (axis,)
        axes = tuple(array.get_axis_num(one) if isinstance(one, str) else one for one in given)
    if not names:
        spacings = [
            _values(array, one, datetime_unit)[0] if is_labelled(one) else one for one in varargs
        ]
        axes = tuple(range(array.ndim)) if axes is None else axes
        return axes, spacings, [None]
    if len(names) != len(varargs):
        raise TypeError("spacings of a DataArray must all be names of coordinates, or none of them")
    spacings, units, found = [], [], []
    for name in names:
        if name not in array.coords and name not in array.dims:
            raise ValueError(
                f"there is no coordinate or dimension {name!r}: there are "
                f"{', '.join(map(repr, {*array.dims, *array.coords}))}"
            )
        coordinate = array[name]
        if coordinate.ndim != 1 and axes is None:
            raise ValueError(
                f"the coordinate {name!r} has the dimensions {coordinate.dims}: pass axis= with "
                "the one to derive along"
            )
        values, unit = _values(array, coordinate, datetime_unit)
        spacings.append(values)
        units.append(unit)
        if coordinate.ndim == 1:
            found.append(array.get_axis_num(coordinate.dims[0]))
    return (tuple(found) if axes is None else axes), spacings, units


def _values(array: Any, coordinate: Any, datetime_unit: str | None) -> tuple[Any, str | None]:
    """Give coordinates as numbers, and their unit."""
    if is_time(coordinate.dtype):
        unit = datetime_unit or SECONDS
        return numbers_of(coordinate.values, unit), IN_UDUNITS.get(unit, unit)
    values = coordinate.data
    if coordinate.ndim > 1:
        values = coordinate.broadcast_like(array).transpose(*array.dims).data
    return values, coordinate.attrs.get("units")


def _samples(array: Any, by_times: bool, datetime_unit: str | None) -> Any:
    """Give samples: points in time by points in time as numbers in the same unit."""
    if not by_times or not is_time(array.dtype) or is_chunked(array.data):
        return array.data
    return numbers_of(array.values, datetime_unit or SECONDS)


def _spread(factor: Any, like: Any) -> Any:
    """Give a scale factor as an array that broadcasts to a labelled one."""
    if not is_labelled(factor):
        return factor
    ordered = factor.transpose(*(name for name in like.dims if name in factor.dims))
    places = tuple(slice(None) if name in factor.dims else None for name in like.dims)
    return ordered.data[places]
