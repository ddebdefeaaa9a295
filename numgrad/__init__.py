"""Derivatives for Numba: of sampled fields and of functions.

The names below are loaded when they are first used, so that importing numgrad costs
nothing: neither numba nor anything of CUDA is loaded by ``import numgrad``.
"""

import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numgrad.drivers.sparse.pattern import Pattern
    from numgrad.fields.operators.curl import curl
    from numgrad.fields.operators.differentiate import differentiate
    from numgrad.fields.operators.divergence import divergence
    from numgrad.fields.operators.gradient import gradient
    from numgrad.fields.operators.laplacian import laplacian
    from numgrad.fields.operators.operator_matrix import operator_matrix
    from numgrad.numbers.dual.number import Dual
    from numgrad.plotting import plot, plot_gradient
    from numgrad.rules.registry import rule
    from numgrad.tracer.trace import trace
    from numgrad.transforms.cache import cache
    from numgrad.transforms.checkpoint import checkpoint
    from numgrad.transforms.checks import check_grad
    from numgrad.transforms.derivative import derivative
    from numgrad.transforms.explain import explain
    from numgrad.transforms.grad import grad, value_and_grad
    from numgrad.transforms.hessian import hessian
    from numgrad.transforms.implicit import implicit_root
    from numgrad.transforms.iterate import iterate
    from numgrad.transforms.jacobian import jacobian
    from numgrad.transforms.jacobian_matrix import jacobian_matrix
    from numgrad.transforms.memory import release_memory, tape_limit
    from numgrad.transforms.products import hvp, jvp
    from numgrad.transforms.pullback import pullback
    from numgrad.transforms.sparse import sparse_hessian, sparse_jacobian
    from numgrad.transforms.sparsity import sparsity
    from numgrad.transforms.vjp import vjp
    from numgrad.transforms.vmap import vmap
    from numgrad.twin.errors import DifferentiationError

__version__ = "0.1.0"

_NAMES_IN = {
    "numgrad.numbers.dual.number": ["Dual"],
    "numgrad.drivers.sparse.pattern": ["Pattern"],
    "numgrad.rules.registry": ["rule"],
    "numgrad.fields.operators.curl": ["curl"],
    "numgrad.fields.operators.differentiate": ["differentiate"],
    "numgrad.fields.operators.divergence": ["divergence"],
    "numgrad.fields.operators.gradient": ["gradient"],
    "numgrad.fields.operators.laplacian": ["laplacian"],
    "numgrad.fields.operators.operator_matrix": ["operator_matrix"],
    "numgrad.plotting": ["plot", "plot_gradient"],
    "numgrad.tracer.trace": ["trace"],
    "numgrad.transforms.cache": ["cache"],
    "numgrad.transforms.checkpoint": ["checkpoint"],
    "numgrad.transforms.checks": ["check_grad"],
    "numgrad.transforms.derivative": ["derivative"],
    "numgrad.twin.errors": ["DifferentiationError"],
    "numgrad.transforms.explain": ["explain"],
    "numgrad.transforms.grad": ["grad", "value_and_grad"],
    "numgrad.transforms.hessian": ["hessian"],
    "numgrad.transforms.implicit": ["implicit_root"],
    "numgrad.transforms.iterate": ["iterate"],
    "numgrad.transforms.jacobian": ["jacobian"],
    "numgrad.transforms.jacobian_matrix": ["jacobian_matrix"],
    "numgrad.transforms.memory": ["release_memory", "tape_limit"],
    "numgrad.transforms.products": ["hvp", "jvp"],
    "numgrad.transforms.pullback": ["pullback"],
    "numgrad.transforms.sparse": ["sparse_hessian", "sparse_jacobian"],
    "numgrad.transforms.sparsity": ["sparsity"],
    "numgrad.transforms.vjp": ["vjp"],
    "numgrad.transforms.vmap": ["vmap"],
}
_MODULE_OF = {name: module for module, names in _NAMES_IN.items() for name in names}

__all__ = [
    "DifferentiationError",
    "Dual",
    "Pattern",
    "cache",
    "check_grad",
    "checkpoint",
    "curl",
    "derivative",
    "differentiate",
    "divergence",
    "explain",
    "grad",
    "gradient",
    "hessian",
    "hvp",
    "implicit_root",
    "iterate",
    "jacobian",
    "jacobian_matrix",
    "jvp",
    "laplacian",
    "operator_matrix",
    "plot",
    "plot_gradient",
    "pullback",
    "release_memory",
    "rule",
    "sparse_hessian",
    "sparse_jacobian",
    "sparsity",
    "tape_limit",
    "trace",
    "value_and_grad",
    "vjp",
    "vmap",
]


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULE_OF[name]), name)
    if "numba.core.registry" in sys.modules:  # it may be asking in the midst of compiling
        importlib.import_module("numgrad.targets.context").refresh()
    if "numba.cuda" in sys.modules:  # kernels know nothing of entry points
        importlib.import_module("numgrad.numba_extension").register_in_kernels()
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
