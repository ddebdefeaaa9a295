"""Programs that a checker of types passes or refuses: read by mypy, never run.

Where a line must be refused, it says so in a comment, and mypy complains of one without need.
"""

import math
from typing import assert_type

import numpy as np
from numpy.typing import NDArray

import numgrad

Array = NDArray[np.float64]


def loss(weights: Array, rate: float = 1.0) -> float:
    return float(weights.sum()) * rate


def curve(x: float) -> float:
    return x * x


def call(weights: Array) -> None:
    numgrad.grad(loss)(weights)
    numgrad.grad(loss)(weights, 0.5)
    numgrad.grad(loss)(weights, rate=0.5)
    numgrad.grad(loss)(weights, out=weights)
    numgrad.grad(loss)()  # type: ignore[call-overload]
    numgrad.grad(loss)(weights, 0.5, 1)  # type: ignore[call-overload]
    numgrad.grad(loss)("weights")  # type: ignore[call-overload]
    numgrad.hessian(loss)(weights, speed=0.5)  # type: ignore[call-overload]
    numgrad.jacobian(curve)(weights)  # type: ignore[call-overload]
    numgrad.grad(3.0)  # type: ignore[arg-type]
    numgrad.grad(loss, argnums="weights")  # type: ignore[arg-type]
    value, gradient = numgrad.value_and_grad(loss)(weights)
    assert_type(value, float)
    gradient.sum()
    assert_type(numgrad.jvp(loss, (weights,), (weights,))[0], float)
    numgrad.derivative(curve)(weights, out=weights)
    numgrad.vmap(curve)(weights)


def square_root(a: float) -> float:
    return math.sqrt(a)


def residual(x: float, a: float) -> float:
    return x * x - a


def call_root() -> None:
    root = numgrad.implicit_root(square_root, residual)
    assert_type(root(2.0), float)
    root("2.0")  # type: ignore[arg-type]
    numgrad.grad(root)(2.0)
    numgrad.grad(root)("2.0")  # type: ignore[call-overload]
