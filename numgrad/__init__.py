"""Derivatives for Numba: of sampled fields and of functions.

The names below are loaded when they are first used, so that importing numgrad costs
nothing: neither numba nor anything of CUDA is loaded by ``import numgrad``.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numgrad.fields.gradient import gradient

__version__ = "0.1.0"

__all__ = ["gradient"]

_MODULE_OF = {"gradient": "numgrad.fields.gradient"}


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
