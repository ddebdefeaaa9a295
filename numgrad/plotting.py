"""``numgrad.plot`` and ``numgrad.plot_gradient``: pictures of derivatives, drawn by Matplotlib."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

# Okabe and Ito's colours, which colour-blind people can tell apart, and a style of line for each.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
STYLES = ("-", "--", "-.", ":")
PRIMES = ("", "′", "″", "‴")
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def plot(
    f: Callable[..., Any],
    a: float | Sequence[float],
    b: float | Sequence[float],
    order: int = 1,
    *,
    at: Sequence[float] | None = None,
    points: int = 200,
    ax: Any = None,
    jit: bool = True,
) -> Any:
    """Draw a function of numbers and its derivatives on an interval.

    Parameters
    ----------
    f : callable
        The function, plain or compiled by ``numba.njit``, of one number or of several; it returns
        a real number.
    a, b : float or sequence of floats
        The ends of the interval; one for each argument, or the same for all.
    order : int, optional
        The highest derivative to draw.
    at : sequence of floats, optional
        Where the other arguments stay while one of several varies; by default, in the middle of
        their intervals.
    points : int, optional
        How many points to draw, evenly spaced.
    ax : matplotlib Axes or sequence of them, optional
        Where to draw: one for each argument. By default on a new figure.
    jit : bool, optional
        Whether to compile `f`; see `derivative`.

    Returns
    -------
    Axes or ndarray of Axes
        What was drawn on: a panel for each argument, with `f` and its partial derivatives.

    Raises
    ------
    ImportError
        If Matplotlib isn't installed: it is in the ``plot`` extra.
    TypeError
        If `f` takes no arguments, or any number of them.
    ValueError
        If `order` is negative, or `a`, `b`, `at` or `ax` has not one entry an argument.
    DifferentiationError
        If something in `f` can't be differentiated: the message names the line.

    Notes
    -----
    The derivatives are those of `numgrad.derivative`: exact at every point, not differences of
    neighbouring ones.

    Examples
    --------
    >>> import numpy as np
    >>> import numgrad
    >>> axes = numgrad.plot(np.sin, -5.0, 5.0, jit=False)  # doctest: +SKIP
    >>> def surface(x, y):
    ...     return x**3 + 5 * x + y**2
    >>> panels = numgrad.plot(surface, -2.0, 2.0, order=2)  # doctest: +SKIP
    """
    if order < 0:
        raise ValueError(f"order must be 0 or more, not {order}")
    names = _arguments(f)
    starts, stops = _each(a, names, "a"), _each(b, names, "b")
    if at is None:
        middle = [(start + stop) / 2 for start, stop in zip(starts, stops, strict=True)]
    else:
        middle = _each(at, names, "at")
    panels = _panels(ax, len(names))
    label = _label(f)
    for k, (name, panel) in enumerate(zip(names, panels, strict=True)):
        x = np.linspace(starts[k], stops[k], points)
        for n, values in enumerate(_values(f, k, middle, x, order, jit)):
            style = {"color": COLOURS[n % len(COLOURS)], "linestyle": STYLES[n % len(STYLES)]}
            panel.plot(x, values, label=derivative_label(label, name, n, len(names)), **style)
        panel.set_xlabel(name)
        others = [(m, v) for i, (m, v) in enumerate(zip(names, middle, strict=True)) if i != k]
        if others:
            panel.set_title(", ".join(f"{other} = {value:.4g}" for other, value in others))
        panel.grid(alpha=0.3)
        panel.legend()
    return panels[0] if len(names) == 1 else np.array(panels, object)


def plot_gradient(f: Any, *varargs: Any, arrows: int = 20, ax: Any = None, **keywords: Any) -> Any:
    """Draw a field in two dimensions and the arrows of its gradient.

    Parameters
    ----------
    f : array_like
        The samples. As in a picture, the first axis goes up and the second to the right.
    *varargs : scalar or array_like, optional
        The spacing, or the coordinates of the samples: see `gradient`.
    arrows : int, optional
        How many arrows to draw along the longer axis, at most.
    ax : matplotlib Axes, optional
        Where to draw; by default on a new figure.
    **keywords
        Passed to `gradient`: ``edge_order``.

    Returns
    -------
    Axes
        What was drawn on.

    Raises
    ------
    ImportError
        If Matplotlib isn't installed: it is in the ``plot`` extra.
    ValueError
        If `f` hasn't two dimensions.

    Examples
    --------
    >>> import numpy as np
    >>> import numgrad
    >>> y, x = np.mgrid[-2:2:50j, -3:3:70j]
    >>> axes = numgrad.plot_gradient(np.exp(-x**2 - y**2), 4 / 49, 6 / 69)  # doctest: +SKIP
    """
    from numgrad.fields.operators.gradient import gradient

    field = np.asarray(f)
    if field.ndim != 2:
        raise ValueError(f"plot_gradient draws fields in 2 dimensions, not in {field.ndim}")
    up, right = gradient(field, *varargs, **keywords)
    y, x = (_coordinates(field, varargs, axis) for axis in (0, 1))
    (panel,) = _panels(ax, 1)
    mesh = panel.pcolormesh(x, y, field, shading="nearest", cmap="cividis")
    panel.figure.colorbar(mesh, ax=panel, label="field")
    step = max(1, -(-max(field.shape) // arrows))
    some = (slice(step // 2, None, step),) * 2
    panel.quiver(
        x[some[1]],
        y[some[0]],
        right[some],
        up[some],
        angles="xy",
        color="white",
        edgecolor="black",
        linewidth=0.4,
        pivot="mid",
    )
    panel.set_xlabel("axis 1")
    panel.set_ylabel("axis 0")
    return panel


def _coordinates(field: Any, varargs: tuple[Any, ...], axis: int) -> Any:
    """Return where the samples lie along an axis."""
    count = field.shape[axis]
    if not varargs:
        return np.arange(count, dtype=float)
    given = np.asarray(varargs[0] if len(varargs) == 1 else varargs[axis])
    return given if given.ndim else np.arange(count) * float(given)


def _panels(ax: Any, count: int) -> list[Any]:
    """Return the Axes to draw on."""
    if ax is not None:
        panels = list(np.ravel(np.array(ax, object)))
        if len(panels) != count:
            raise ValueError(f"ax must hold {count} Axes, one for each argument, not {len(panels)}")
        return panels
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("plots need Matplotlib: pip install 'numba-numgrad[plot]'") from error
    figure, axes = plt.subplots(
        1, count, squeeze=False, figsize=(6.4 + 4.2 * (count - 1), 4.4), layout="constrained"
    )
    del figure
    return list(axes[0])


def _arguments(f: Any) -> list[str]:
    """Return the names of a function's arguments."""
    if isinstance(f, np.ufunc):
        return ["x", "y", "z"][: f.nin]
    parameters = list(inspect.signature(f).parameters.values())
    needed = [p for p in parameters if p.default is p.empty]
    if not needed or any(
        p.kind not in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in needed
    ):
        raise TypeError(f"plot needs a function of one number or a few, not {f!r}")
    return [p.name for p in needed]


def _each(given: Any, names: list[str], what: str) -> list[float]:
    """Return one number an argument."""
    if np.ndim(given) == 0:
        return [float(given)] * len(names)
    if len(given) != len(names):
        raise ValueError(
            f"{what} has {len(given)} entries, but there are {len(names)} arguments: "
            f"{', '.join(names)}"
        )
    return [float(number) for number in given]


def _values(f: Any, k: int, middle: list[float], x: Any, order: int, jit: bool) -> list[Any]:
    """Return a function and its derivatives by one argument at the points of a line."""
    from numgrad.transforms.derivative import derivative

    columns: list[Any] = [np.full(x.shape, value) for value in middle]
    columns[k] = x
    lines = [np.array([f(*point) for point in zip(*columns, strict=True)], float)]
    slope = f
    for _ in range(order):
        slope = derivative(slope, k, jit=jit)
        lines.append(slope(*columns))
    return lines


def _label(f: Any) -> str:
    """Return what to call a function."""
    name = str(getattr(f, "__name__", "f"))
    return name if name.isidentifier() else "f"


def derivative_label(name: str, by: str, order: int, arguments: int) -> str:
    """Return what to call a derivative: f, f′, f″, ∂f/∂x."""
    if order == 0:
        return name
    if arguments == 1:
        return name + (PRIMES[order] if order <= 3 else f"⁽{str(order).translate(SUPERSCRIPTS)}⁾")
    power = str(order).translate(SUPERSCRIPTS) if order > 1 else ""
    return f"∂{power}{name}/∂{by}{power}"
