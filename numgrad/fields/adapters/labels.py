"""Whether arrays are xarray's or pint's, told without importing either."""

import sys
from typing import Any


def is_labelled(array: Any) -> bool:
    """Tell if an object is an array of xarray's."""
    library = sys.modules.get("xarray")
    return library is not None and isinstance(array, library.DataArray)


def is_dataset(array: Any) -> bool:
    """Tell if an object is a Dataset of xarray's."""
    library = sys.modules.get("xarray")
    return library is not None and isinstance(array, library.Dataset)


def any_labelled(given: Any) -> bool:
    """Tell if an object, or one of a tuple of them, is of xarray's."""
    if isinstance(given, tuple | list):
        return any(any_labelled(one) for one in given)
    return is_labelled(given) or is_dataset(given)


def is_quantity(array: Any) -> bool:
    """Tell if an object is a quantity of pint's."""
    library = sys.modules.get("pint")
    return library is not None and isinstance(array, library.Quantity)


def any_quantity(*given: Any) -> bool:
    """Tell if one of some objects, or an item of a tuple, is a quantity."""
    return any(
        any_quantity(*one) if isinstance(one, tuple | list) else is_quantity(one) for one in given
    )
