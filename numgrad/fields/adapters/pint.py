"""pint: operators on quantities, whose results have the units that they must have."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from numgrad.fields.adapters.labels import is_quantity


def with_units(
    operator: Callable[..., Any],
    given: Any,
    varargs: Sequence[Any],
    power: int,
    *,
    several: bool = False,
    **keywords: Any,
) -> Any:
    """Give the result of an operator on quantities."""
    import pint

    components = list(given) if several else [given]
    everything = [*components, *varargs, *(keywords.get("scale_factors") or ())]
    some = next(one for one in everything if is_quantity(one))
    quantity, dimensionless = type(some), some.units**0  # of the same registry
    units = [one.units if is_quantity(one) else dimensionless for one in components]
    data = [
        one.to(units[0]).magnitude
        if is_quantity(one)
        else quantity(one, dimensionless).to(units[0]).magnitude
        for one in components
    ]
    factors = keywords.get("scale_factors")
    steps = list(varargs) or [1.0]
    own = [one.units if is_quantity(one) else dimensionless for one in steps]
    if factors is not None and len(own) == 1:
        own *= len(factors)
    of_factors = [one.units if is_quantity(one) else dimensionless for one in factors or ()]
    lengths = [
        unit * (of_factors[k] if factors is not None else dimensionless)
        for k, unit in enumerate(own)
    ]
    try:
        ratios = [(1.0 * unit).to(lengths[0]).magnitude for unit in lengths]
    except pint.DimensionalityError as error:
        raise ValueError(
            "the steps along all axes must be lengths of one kind: spacings times scale factors "
            f"have the units {', '.join(map(str, lengths))}"
        ) from error
    numbers: list[Any] = [one.magnitude if is_quantity(one) else one for one in steps]
    if factors is None:
        numbers = [np.multiply(one, ratio) if ratio != 1.0 else one
                   for one, ratio in zip(numbers, ratios, strict=True)]  # fmt: skip
    else:
        of_all = [*ratios, 1.0][: len(factors)]
        keywords["scale_factors"] = tuple(
            (one.magnitude if is_quantity(one) else one) * ratio
            for one, ratio in zip(factors, of_all, strict=True)
        )
    if is_quantity(keywords.get("period")):
        keywords["period"] = keywords["period"].to(own[0]).magnitude
    results = operator(data if several else data[0], *numbers, **keywords)
    unit = units[0] / lengths[0] ** power
    if isinstance(results, tuple):
        return tuple(quantity(result, unit) for result in results)
    return quantity(results, unit)
