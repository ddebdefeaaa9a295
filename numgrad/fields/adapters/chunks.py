"""Whether arrays are Dask's, told without importing it."""

import sys
from typing import Any


def is_chunked(*arrays: Any) -> bool:
    """Tell if there is an array of Dask's among some."""
    library = sys.modules.get("dask.array")
    return library is not None and any(isinstance(array, library.Array) for array in arrays)
