"""Points in time as coordinates."""

from typing import Any

import numpy as np

from numgrad.fields.layout import Array

SECONDS = "s"
IN_UDUNITS = {"D": "d", "m": "min"}  # what NumPy and the units of attributes call otherwise


def is_time(dtype: Any) -> bool:
    """Tell if a dtype is one of points in time, or of spans of time."""
    return np.dtype(dtype).kind in "mM"


def numbers_of(times: Any, unit: str) -> Array:
    """Give points in time as numbers, from the first on, in a unit of NumPy's."""
    times = np.asarray(times)
    try:
        one = np.timedelta64(1, unit)  # type: ignore[call-overload]
    except TypeError as error:
        raise ValueError(
            f"datetime_unit must be a unit of numpy.timedelta64, such as 's' or 'D', not {unit!r}"
        ) from error
    spans = times - times.flat[0] if times.dtype.kind == "M" and times.size else times
    return np.asarray(spans.astype("timedelta64[ns]") / one)


def in_unit(varargs: tuple[Any, ...], unit: str | None) -> tuple[Any, ...]:
    """Give spacings with numbers in the place of points in time, if a unit is asked for."""
    if unit is None:
        return varargs
    return tuple(
        numbers_of(given, unit) if is_time(getattr(given, "dtype", float)) else given
        for given in varargs
    )
