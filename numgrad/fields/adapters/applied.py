"""An operator applied to whatever samples lie in: arrays, or those of xarray, pint or Dask."""

from collections.abc import Callable, Sequence
from typing import Any

from numgrad.fields.adapters import dask as chunked
from numgrad.fields.adapters.chunks import is_chunked
from numgrad.fields.adapters.labels import any_labelled, any_quantity
from numgrad.fields.adapters.times import in_unit
from numgrad.fields.operation import answer, checked_nan, checked_target, components_of
from numgrad.fields.terms import Formula


def applied(
    operator: Callable[..., Any],
    build: Callable[..., Formula],
    given: Any,
    varargs: tuple[Any, ...],
    keywords: dict[str, Any],
    arguments: Callable[[tuple[Any, ...], int], Sequence[Any]],
    *,
    power: int,
    several: bool = False,
    datetime_unit: str | None,
) -> Any:
    """Give the result of an operator, called with some keywords.

    ``build(shape, *arguments(spacings, count))`` makes its formula, for a count of components;
    there are ``several`` if these come as a tuple. ``power`` says how often it is derived by a
    coordinate.
    """
    if any_labelled(given):
        from numgrad.fields.adapters.xarray import labelled

        options = keywords | {"several": several, "datetime_unit": datetime_unit}
        return labelled(operator, given, varargs, power, **options)
    if any_quantity(given, varargs, keywords.get("scale_factors")):
        from numgrad.fields.adapters.pint import with_units

        return with_units(operator, given, varargs, power, several=several, **keywords)
    spacings = in_unit(varargs, datetime_unit)
    out, target = keywords["out"], keywords["target"]
    checked_target(target)
    avoid = checked_nan(keywords["nan"])
    blocks = chunked.components_of(given) if several else [given] if is_chunked(given) else None
    if blocks is not None:
        made = arguments(spacings, len(blocks))
        return chunked.derive_chunked(blocks, build, made, avoid, out, target)
    fields = components_of(given) if several else [given]
    return answer(fields, build, arguments(spacings, len(fields)), avoid, out, target)
