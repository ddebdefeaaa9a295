"""``numgrad.curl``."""

from typing import Any, Literal

from numgrad.fields.adapters.applied import applied
from numgrad.fields.compiled.registration import compiled_too
from numgrad.fields.operation import NAN
from numgrad.fields.terms import Options, of_curl


@compiled_too
def curl(
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
    r"""Return the curl of a field of vectors: how much it turns about each axis.

    Parameters
    ----------
    components : tuple of array_like, or array_like
        The two or three components of the vectors, in the order of the axes: a tuple of fields of
        one shape, or an array with the components along its first axis, which isn't counted by
        `axis`.
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
    out : ndarray or tuple of ndarrays, optional
        Where to store the result. Nothing is written unless every argument passes its checks.
    target : {"auto", "cpu", "cuda"}, optional
        Where to compute, as in `numgrad.gradient`.

    Returns
    -------
    ndarray or tuple of ndarrays
        Of two components a field of numbers, :math:`\partial_1 F_2 - \partial_2 F_1`; of three the
        three components of the curl.

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
    divergence, laplacian, differentiate

    Notes
    -----
    With scale factors :math:`h_k`, and (i, j, k) in turn, the components are

    .. math:: (\nabla \times F)_k =
              \frac{1}{h_i h_j} \left(\partial_i(h_j F_j) - \partial_j(h_i F_i)\right).

    ``curl((u, v), x, y)`` is dv/dx - du/dy for axes (x, y). Arrays in (latitude, longitude) have
    northward first: ``curl((northward, eastward), latitude, longitude)`` is minus the vorticity.

    Examples
    --------
    A wheel:

    >>> import numpy as np
    >>> import numgrad
    >>> x, y = np.arange(4.0)[:, None], np.arange(3.0)
    >>> numgrad.curl((-y + 0 * x, x + 0 * y))[1]
    array([2., 2., 2.])
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
        curl,
        of_curl,
        components,
        varargs,
        keywords,
        arguments,
        power=1,
        several=True,
        datetime_unit=datetime_unit,
    )
