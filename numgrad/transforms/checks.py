"""``numgrad.check_grad``: exact derivatives beside finite differences."""

from typing import Any

import numpy as np

from numgrad.transforms.callables import Mode

STEPS = 8  # of the extrapolation, each half as long as the one before


def check_grad(f: Any, x: Any, rtol: float = 1e-6, mode: Mode = "auto", jit: bool = True) -> float:
    """Compare the derivatives of a function with finite differences.

    Parameters
    ----------
    f : callable
        A function of one argument, plain or compiled, that `numgrad.jacobian` differentiates.
    x : float or ndarray of floats
        Where to compare.
    rtol : float, optional
        The largest difference to accept, as a share of the largest derivative of the same output.
    mode : {"auto", "forward", "reverse"}, optional
        See `grad`.
    jit : bool, optional
        Whether to compile `f`; see `jacobian`.

    Returns
    -------
    float
        The largest difference found, as such a share.

    Raises
    ------
    AssertionError
        If a derivative differs by more; the message names the worst one.

    Notes
    -----
    The reference is the central difference of `f` itself, extrapolated to a vanishing step [1]_. A
    function with a kink within reach of its steps differs from it rightly.

    References
    ----------
    .. [1] C. J. F. Ridders, "Accurate computation of F'(x) and F'(x) F''(x)", Advances in
       Engineering Software 4 (1982), 75-76.

    Examples
    --------
    >>> import numpy as np
    >>> import numgrad
    >>> numgrad.check_grad(lambda x: np.sin(x[0]) * x[1] ** 2, np.array([0.5, 2.0])) < 1e-8
    True
    """
    from numgrad.transforms.jacobian import jacobian

    transform: Any = jacobian(f, mode=mode, jit=jit)
    derivatives = np.asarray(transform(x))
    point = np.asarray(x, float)
    outputs = derivatives.reshape(-1, point.size)
    scale = np.abs(outputs).max(axis=1, initial=0.0)
    worst, place = 0.0, (0, 0)
    for k in range(point.size):
        difference = np.asarray(ridders(transform.function, point, k)).reshape(-1)
        error = np.abs(outputs[:, k] - difference) / np.maximum(scale, np.finfo(float).tiny)
        if not error.max() <= worst:
            worst, place = float(error.max()), (int(error.argmax()), k)
            exact, approximate = outputs[place], difference[place[0]]
    if not worst <= rtol:
        name = getattr(f, "__name__", repr(f))
        raise AssertionError(
            f"the derivative of output {place[0]} of {name} by input {place[1]} "
            f"is {exact!r}, but finite differences give {approximate!r}"
        )
    return worst


def ridders(f: Any, point: np.ndarray[Any, Any], k: int) -> Any:
    """Return the derivative by one input, from the row whose extrapolations agree best."""
    step = 0.1 * max(1.0, abs(point.flat[k]))
    best, smallest = None, np.inf
    before: list[Any] = []
    for n in range(STEPS):
        row = [central_difference(f, point, k, step / 2**n)]
        for order, coarser in enumerate(before, start=1):
            row.append((4**order * row[-1] - coarser) / (4**order - 1))
        error = np.inf if not before else float(np.max(np.abs(row[-1] - before[-1]), initial=0.0))
        if best is None or error < smallest:
            best, smallest = row[-1], error
        before = row
    return best


def central_difference(f: Any, point: np.ndarray[Any, Any], k: int, step: float) -> Any:
    """Return the slope of the chord between two points."""
    values = []
    for side in (1.0, -1.0):
        moved = point.copy()
        moved.flat[k] += side * step
        values.append(np.asarray(f(moved[()] if moved.ndim == 0 else moved)))
    return (values[0] - values[1]) / (2.0 * step)
