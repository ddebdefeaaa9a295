"""``numgrad.laplacian``."""

from typing import Any, Literal

from numgrad.fields.adapters.applied import applied
from numgrad.fields.compiled.registration import compiled_too
from numgrad.fields.operation import NAN
from numgrad.fields.terms import Options, of_laplacian


@compiled_too
def laplacian(
    f: Any,
    *varargs: Any,
    axis: int | tuple[int, ...] | None = None,
    accuracy: int = 2,
    boundary: Any = "one-sided",
    period: Any = None,
    nan: NAN = "propagate",
    scale_factors: Any = None,
    datetime_unit: str | None = None,
    out: Any = None,
    target: Literal["auto", "cpu", "cuda"] = "auto",
) -> Any:
    r"""Return the Laplacian of sampled values: the sum of their second derivatives along all axes.

    It takes second derivatives at once, and isn't the divergence of the gradient, which would skip
    every second sample.

    Parameters
    ----------
    f : array_like
        Samples, as in `numgrad.differentiate`.
    *varargs : scalar, array_like or str, optional
        Spacing of the samples, as `numgrad.gradient` has it: none, one scalar for all axes, or for
        each axis a scalar or the coordinates of its points; besides, coordinates of the shape of
        `f`, where each line has a grid of its own; for xarray
        the names of coordinates or dimensions.
    axis : int or tuple of ints, optional
        The axes to sum over. All of them by default.
    accuracy : int, optional
        Order of accuracy, at the ends of an axis too: an even number to 8; on coordinates an odd
        one too. On uneven coordinates it holds where these are smooth, and where they are not.
    boundary : str or tuple, optional
        What lies beyond the ends: one entry for all axes, or a tuple with one an axis, each a name
        or a pair of them (before, after). See `numgrad.differentiate`.
    period : float or tuple, optional
        For ``"wrap"``: after which distance the coordinates begin again.
    nan : {"propagate", "one-sided"}, optional
        What becomes of missing neighbours. See `numgrad.differentiate`.
    scale_factors : tuple of array_like, optional
        For orthogonal curvilinear coordinates, how long a step of 1 along each axis is: one entry
        an axis, each a number or an array that broadcasts to the shape of the field, and perhaps
        one more for a direction in which nothing varies.
    datetime_unit : str, optional
        In which unit of `numpy.timedelta64` coordinates of datetime64 are counted: by default those
        of xarray in seconds, and others not at all.
    out : ndarray, optional
        Where to store the result. Nothing is written unless every argument passes its checks.
    target : {"auto", "cpu", "cuda"}, optional
        Where to compute, as in `numgrad.gradient`.

    Returns
    -------
    ndarray
        The Laplacian, of the shape, dtype and memory order of `f`.

    Raises
    ------
    TypeError
        If an argument has a type that doesn't fit: samples that are no numbers, a wrong number of
        spacings, an `out` of another dtype.
    ValueError
        If an axis has too few points, coordinates don't fit their axis, a boundary is unknown,
        a period is missing or too short, or `out` doesn't fit.

    See Also
    --------
    divergence, curl, differentiate

    Notes
    -----
    With scale factors :math:`h_k` and their product :math:`H` it is

    .. math:: \sum_k \frac{1}{H} \partial_k \left(\frac{H}{h_k^2} \partial_k f\right),

    at equal distances as the balance of fluxes halfway between the points: what leaves a cell
    enters the next. At uneven distances, and next to one-sided ends, the product is derived by the
    chain rule, since the balance would lose an order of accuracy there.

    Examples
    --------
    >>> import numpy as np
    >>> import numgrad
    >>> x = np.array([0.0, 1.0, 3.0, 4.0, 6.0])
    >>> y = np.arange(4.0)
    >>> numgrad.laplacian(x[:, None] ** 2 + y**3, x, y)[0]
    array([ 2.,  8., 14., 20.])

    In polar coordinates, where x * y is r**2 sin(2 phi) / 2, and has none:

    >>> r, phi = np.linspace(1.0, 2.0, 40)[:, None], np.arange(64) * np.pi / 32
    >>> f = r**2 * np.sin(2 * phi) / 2
    >>> sums = numgrad.laplacian(
    ...     f,
    ...     1 / 39,
    ...     np.pi / 32,
    ...     accuracy=4,
    ...     boundary=("one-sided", "wrap"),
    ...     scale_factors=(1.0, r),
    ... )
    >>> np.abs(sums).max() < 1e-4
    np.True_
    """
    keywords = {
        "axis": axis,
        "accuracy": accuracy,
        "boundary": boundary,
        "period": period,
        "nan": nan,
        "scale_factors": scale_factors,
        "out": out,
        "target": target,
    }

    def arguments(spacings: tuple[Any, ...], _: int) -> tuple[Any, ...]:
        options = Options(spacings, axis, accuracy, boundary, period, scale_factors)
        return (options,)

    return applied(
        laplacian,
        of_laplacian,
        f,
        varargs,
        keywords,
        arguments,
        power=2,
        datetime_unit=datetime_unit,
    )
