"""``numgrad.differentiate``."""

from typing import Any, Literal

from numgrad.fields.adapters.applied import applied
from numgrad.fields.compiled.registration import compiled_too
from numgrad.fields.operation import NAN
from numgrad.fields.terms import of_differentiate


@compiled_too
def differentiate(
    f: Any,
    x: Any = 1.0,
    *,
    axis: Any = None,
    order: int = 1,
    accuracy: int = 2,
    boundary: Any = "one-sided",
    period: float | None = None,
    nan: NAN = "propagate",
    datetime_unit: str | None = None,
    out: Any = None,
    target: Literal["auto", "cpu", "cuda"] = "auto",
) -> Any:
    r"""Return a derivative of sampled values along one axis, of any order and accuracy.

    Parameters
    ----------
    f : array_like
        Samples, of any rank and any memory layout: integers, float16 to float64, complex64,
        complex128, or a masked array.
    x : scalar, array_like or str, optional
        The distance of neighbours, or the coordinates of the points along the axis: as many as it
        has points, or an array of the shape of `f`, where each line has a grid of its own. For
        xarray the name of a coordinate or a dimension.
    axis : int, optional
        The axis to derive along: the last by default, or that of an xarray's coordinate.
    order : int, optional
        Of the derivative, from 1 to 6.
    accuracy : int, optional
        Order of accuracy, at the ends of the axis too: an even number to 8; on coordinates an odd
        one too. A derivative of order d takes d + accuracy points, and at equal distances one less
        if d is even.
    boundary : str or tuple, optional
        What lies beyond the ends, by the names of `numpy.pad`; one for both, or a pair (before,
        after):

        - ``"one-sided"``: nothing; derivatives at the ends come from one side;
        - ``"wrap"``: the other end;
        - ``"reflect"``, ``"symmetric"``: the samples mirrored at the last point, or half a step
          beyond it;
        - ``"antireflect"``, ``"antisymmetric"``: minus those;
        - ``"edge"``: the last sample again and again;
        - ``("constant", value)``.

        Coordinates beyond the ends are mirrored, shifted by the period, or go on by the last
        distance.
    period : float, optional
        For ``"wrap"``: after which distance the coordinates begin again, such as 360.0 for
        longitudes in degrees. By default the number of points times their distance.
    nan : {"propagate", "one-sided"}, optional
        What becomes of neighbours that are nan or masked. ``"propagate"``: so is the derivative.
        ``"one-sided"``: it is computed from the side that has samples, with as many points if they
        are there, and otherwise with those that are. At a sample that is itself missing the result
        is missing.
    datetime_unit : str, optional
        In which unit of `numpy.timedelta64` coordinates of datetime64 are counted: by default those
        of xarray in seconds, and others not at all.
    out : ndarray, optional
        Where to store the result, in any memory layout. Nothing is written unless every argument
        passes its checks.
    target : {"auto", "cpu", "cuda"}, optional
        Where to compute, as in `numgrad.gradient`.

    Returns
    -------
    ndarray
        The derivative, of the shape, dtype (float64 where `f` holds integers) and memory order of
        `f`; a masked array if `f` is one.

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
    gradient : first derivatives along all axes, as NumPy has them.
    operator_matrix : the same as a sparse matrix.

    Notes
    -----
    The derivative at :math:`x_i` is :math:`\sum_j w_j (f_j - f_i)`, so that constants have exactly
    none. At equal distances the weights are fractions, rounded once; on coordinates they are the
    derivatives of Lagrange's polynomials through the points [1]_. At equal distances the points lie
    centrally about :math:`x_i`; on coordinates, of an even number of points one more lies after
    than before it. Nearer to a one-sided end than this needs, the first or last d + accuracy points
    are taken.

    References
    ----------
    .. [1] B. Fornberg, "Calculation of weights in finite difference formulas", SIAM Review 40
       (1998), 685-691, which gives the same by a recursion, as fractions do here.

    Examples
    --------
    >>> import numpy as np
    >>> import numgrad
    >>> x = np.array([0.0, 1.0, 3.0, 4.0, 6.0])
    >>> numgrad.differentiate(x**3, x, order=2).round(12) + 0
    array([ 0.,  6., 18., 24., 36.])

    On a circle:

    >>> longitudes = np.arange(0.0, 360.0, 45.0)
    >>> f = np.sin(np.radians(longitudes))
    >>> slopes = numgrad.differentiate(f, longitudes, boundary="wrap", period=360.0, accuracy=8)
    >>> np.degrees(slopes[:2]).round(3)
    array([1.   , 0.707])
    """
    keywords = {
        "axis": axis,
        "order": order,
        "accuracy": accuracy,
        "boundary": boundary,
        "period": period,
        "nan": nan,
        "out": out,
        "target": target,
    }

    def arguments(spacings: tuple[Any, ...], _: int) -> tuple[Any, ...]:
        own = -1 if axis is None else axis
        return spacings[0], own, order, accuracy, boundary, period

    return applied(
        differentiate,
        of_differentiate,
        f,
        (x,),
        keywords,
        arguments,
        power=order,
        datetime_unit=datetime_unit,
    )
