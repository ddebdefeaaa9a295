"""``numgrad.divergence``."""

from typing import Any, Literal

from numgrad.fields.adapters.applied import applied
from numgrad.fields.compiled.registration import compiled_too
from numgrad.fields.operation import NAN
from numgrad.fields.terms import Options, of_divergence


@compiled_too
def divergence(
    components: Any,
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
    r"""Return the divergence of a field of vectors: the sum of each component's own derivative.

    Parameters
    ----------
    components : tuple of array_like, or array_like
        The components of the vectors, in the order of the axes: a tuple of fields of one shape, or
        an array with the components along its first axis, which isn't counted by `axis`.
    *varargs : scalar, array_like or str, optional
        Spacing of the samples, as `numgrad.gradient` has it: none, one scalar for all axes, or for
        each axis a scalar or the coordinates of its points; besides, coordinates of the shape of
        a component, where each line has a grid of its own; for xarray
        the names of coordinates or dimensions.
    axis : int or tuple of ints, optional
        The axes that the components belong to. All of them by default.
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
        The divergence, of the shape and dtype of a component.

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
    curl, laplacian, differentiate

    Notes
    -----
    With scale factors :math:`h_k` and their product :math:`H` it is

    .. math:: \sum_k \frac{1}{H} \partial_k \left(\frac{H}{h_k} F_k\right).

    Examples
    --------
    >>> import numpy as np
    >>> import numgrad
    >>> x, y = np.arange(4.0)[:, None], np.arange(3.0)
    >>> numgrad.divergence((x**2 + 0 * y, x * y))[1]
    array([3., 3., 3.])

    Of a wind on the sphere, in radians of (latitude, longitude); northward comes first, as latitude
    does:

    >>> latitude = np.radians(np.arange(-60.0, 61.0, 30.0))
    >>> longitude = np.radians(np.arange(0.0, 360.0, 30.0))
    >>> radius, cosine = 6.371e6, np.cos(latitude)[:, None]
    >>> eastward = 10.0 * cosine * np.ones(12)
    >>> northward = np.zeros((5, 12))
    >>> around = numgrad.divergence(
    ...     (northward, eastward),
    ...     latitude,
    ...     longitude,
    ...     boundary=("one-sided", "wrap"),
    ...     period=2 * np.pi,
    ...     scale_factors=(radius, radius * cosine),
    ... )
    >>> around.any()
    np.False_
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

    def arguments(spacings: tuple[Any, ...], count: int) -> tuple[Any, ...]:
        options = Options(spacings, axis, accuracy, boundary, period, scale_factors)
        return count, options

    return applied(
        divergence,
        of_divergence,
        components,
        varargs,
        keywords,
        arguments,
        power=1,
        several=True,
        datetime_unit=datetime_unit,
    )
