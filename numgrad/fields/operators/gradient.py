"""``numgrad.gradient``."""

from functools import cache
from types import ModuleType
from typing import Any, Literal

import numpy as np

from numgrad.fields.adapters.chunks import is_chunked
from numgrad.fields.adapters.labels import any_labelled, any_quantity
from numgrad.fields.adapters.times import in_unit
from numgrad.fields.compiled.registration import compiled_too
from numgrad.fields.outputs import checked_outputs
from numgrad.targets.choose import TARGETS
from numgrad.targets.cuda_arrays import is_on_device
from numgrad.targets.cuda_device import ready


@compiled_too
def gradient(
    f: Any,
    *varargs: Any,
    axis: int | tuple[int, ...] | None = None,
    edge_order: int = 1,
    scale_factors: Any = None,
    datetime_unit: str | None = None,
    out: Any = None,
    target: Literal["auto", "cpu", "cuda"] = "auto",
    stream: Any = None,
) -> Any:
    r"""Return the derivatives of sampled values along the axes of an array.

    It is `numpy.gradient`: the same values to the bit, dtypes, memory order, return types and
    errors, computed at the speed of memory on all cores.

    Parameters
    ----------
    f : array_like
        Samples, of any rank and any memory layout.
    *varargs : scalar or 1-D array_like, optional
        Spacing of the samples, in any unit:

        1. none: 1 along every axis;
        2. one scalar: the distance of neighbours along every axis;
        3. for each axis, a scalar or the coordinates of its points: as many as the axis has points,
           ascending or descending, at any distances.
    axis : int or tuple of ints, optional
        The axes to derive along, from the last if negative. All of them by default.
    edge_order : {1, 2}, optional
        Order of accuracy at the edges.
    scale_factors : tuple of array_like, optional
        For orthogonal curvilinear coordinates, how long a step of 1 along each axis is: one entry
        an axis, a number or an array that broadcasts to the shape of `f`. The derivatives are
        divided by them, and are those of `numpy.gradient` but for roundings.
    datetime_unit : str, optional
        In which unit of `numpy.timedelta64` coordinates of datetime64 are counted: by default those
        of xarray in seconds, and others not at all.
    out : ndarray or tuple of ndarrays, optional
        Where to store the results: one array an axis, each of the shape and the dtype of its
        result, in any memory layout. Nothing is written unless every argument passes its checks.
    target : {"auto", "cpu", "cuda"}, optional
        Where to compute. With ``"auto"`` that is where `f` lies: arrays on a GPU (of Numba, CuPy,
        PyTorch, whatever has ``__cuda_array_interface__`` or ``__dlpack__``) are derived there and
        their derivatives stay there, arrays of the host are derived on the CPU. ``"cuda"`` copies
        arrays of the host to the GPU and the derivatives back, in parts where memory is short.
        ``"cpu"`` never touches CUDA.
    stream : stream of Numba, CuPy or PyTorch, or its address, optional
        Where to launch the kernels for arrays on a GPU; by default the stream that the array of `f`
        names, if any. The call doesn't wait for them.

    Returns
    -------
    ndarray or tuple of ndarrays
        The derivative along the one axis, or a tuple with the derivative along each, in the order
        of `axis`. Each has the shape of `f`, its dtype (float64 where `f` holds integers) and its
        memory order. If `f` lies on a GPU, so do these, as arrays of the same library.

    Raises
    ------
    TypeError
        If the number of spacings fits neither 1 nor the number of axes, or `out` doesn't fit in
        number, type or dtype.
    ValueError
        If an axis has fewer than ``edge_order + 1`` points, coordinates don't fit their axis,
        `edge_order` is above 2, `target` is unknown, or `out` doesn't fit in shape, is read-only,
        or shares memory with an input. An axis out of range raises its subclass
        `numpy.exceptions.AxisError`.
    ModuleNotFoundError
        If a GPU is asked for and the extra ``cuda`` isn't installed.
    RuntimeError
        If a GPU is asked for and there is none; the message says why.

    See Also
    --------
    numpy.gradient : the specification.

    Notes
    -----
    Inside, the derivative at ``x`` is the one of second order from the samples at ``x - h1``, ``x``
    and ``x + h2``,

    .. math:: f' = \frac{h_1^2 f(x + h_2) + (h_2^2 - h_1^2) f(x) - h_2^2 f(x - h_1)}
                        {h_1 h_2 (h_1 + h_2)} + O(h^2),

    at the edges the one-sided of order `edge_order` [1]_. Coordinates at equal distances are
    treated as a scalar. Coordinates that repeat give infinities and nans, without a warning.

    Samples of float32, float64, complex64, complex128 and every integer dtype run in compiled
    kernels, on several threads when there are many. What those can't hold is answered by
    `numpy.gradient` itself: samples or spacings of float16, longdouble, bool, object, datetime64
    and timedelta64; complex spacings; masked arrays and other subclasses; arrays of other
    libraries. Samples in the other byte order or not aligned are copied first.

    Under NEP 50 a spacing that is a Python number takes the precision of `f`, a NumPy scalar or an
    array keeps its own: float32 samples with float64 coordinates are derived in float64 and
    rounded to float32.

    References
    ----------
    .. [1] B. Fornberg, "Generation of finite difference formulas on arbitrarily spaced grids",
       Mathematics of Computation 51 (1988), 699-706.

    Examples
    --------
    >>> import numpy as np
    >>> import numgrad
    >>> numgrad.gradient(np.array([1.0, 2.0, 4.0, 7.0, 11.0]))
    array([1. , 1.5, 2.5, 3.5, 4. ])

    Samples of x squared on a grid that is not uniform:

    >>> x = np.array([0.0, 1.0, 3.0, 4.0])
    >>> numgrad.gradient(x**2, x, edge_order=2)
    array([0., 2., 6., 8.])

    Both derivatives of a field, into arrays that are used again:

    >>> field = np.arange(12.0).reshape(3, 4)
    >>> slopes = np.empty_like(field), np.empty_like(field)
    >>> down, across = numgrad.gradient(field, out=slopes)
    >>> down is slopes[0], down[0, 0], across[0, 0]
    (True, np.float64(4.0), np.float64(1.0))
    """
    if target not in TARGETS:
        raise ValueError(f"target must be one of {', '.join(TARGETS)}, not {target!r}")
    compiled = _compiled()
    if not _is_plain(f):
        keywords = {"axis": axis, "edge_order": edge_order, "scale_factors": scale_factors}
        answer = _of_library(f, varargs, keywords, datetime_unit, out, target)
        if answer is not None:
            return answer
    if datetime_unit is not None:
        varargs = in_unit(varargs, datetime_unit)
    if scale_factors is not None:
        return _curvilinear(f, varargs, axis, edge_order, scale_factors, out, target)
    if target != "cuda":
        result = compiled.run_few(f, varargs, axis, edge_order, out)
        if result is not None:
            return result
    if target != "cpu" and is_on_device(f):
        return _on_cuda().gradient_on_device(f, varargs, axis, edge_order, out, stream)
    if target == "cuda":
        ready()
    plan = compiled.make_plan(f, varargs, axis, edge_order)
    if plan is None:
        return _by_numpy(f, varargs, axis, edge_order, out)
    if out is None:
        results = tuple([np.empty_like(plan.samples, dtype=plan.result_dtype) for _ in plan.axes])
    else:
        shape, inputs = plan.samples.shape, (plan.samples, *varargs)
        results = checked_outputs(out, shape, plan.result_dtype, len(plan.axes), inputs)
    (_on_cuda() if target == "cuda" else compiled).run(plan, results)
    return results[0] if len(results) == 1 else results


def _is_plain(f: Any) -> bool:
    return type(f) is np.ndarray or isinstance(f, list | tuple | int | float | complex)


def _of_library(
    f: Any,
    varargs: tuple[Any, ...],
    keywords: dict[str, Any],
    datetime_unit: str | None,
    out: Any,
    target: str,
) -> Any:
    """Give the gradient of an array of xarray, pint or Dask; None if it is none."""
    if any_labelled(f):
        from numgrad.fields.adapters.xarray import labelled

        keywords |= {"out": out, "target": target, "datetime_unit": datetime_unit}
        return labelled(gradient, f, varargs, 1, **keywords)
    if keywords["scale_factors"] is not None and any_quantity(f, *varargs):
        from numgrad.fields.adapters.pint import with_units

        return with_units(gradient, f, varargs, 1, out=out, target=target, **keywords)
    if is_chunked(f):
        varargs = in_unit(varargs, datetime_unit)
        return _of_chunks(f, varargs, **keywords, out=out, target=target)
    return None


def _of_chunks(
    f: Any,
    varargs: tuple[Any, ...],
    axis: Any,
    edge_order: Any,
    scale_factors: Any,
    out: Any,
    target: str,
) -> Any:
    if scale_factors is None:
        from numgrad.fields.adapters.dask_gradient import gradient_chunked

        return gradient_chunked(f, varargs, axis, edge_order, out, target)
    from numgrad.fields.adapters.dask import derive_chunked
    from numgrad.fields.terms import Options, of_gradient

    options = Options(varargs, axis, 2, "one-sided", None, scale_factors)
    return derive_chunked([f], of_gradient, (options, edge_order), False, out, target)


def _curvilinear(
    f: Any,
    varargs: tuple[Any, ...],
    axis: Any,
    edge_order: Any,
    scale_factors: Any,
    out: Any,
    target: str,
) -> Any:
    from numgrad.fields.operation import answer
    from numgrad.fields.terms import Options, of_gradient

    if edge_order not in (1, 2):
        raise ValueError(f"edge_order must be 1 or 2, not {edge_order!r}")
    options = Options(varargs, axis, 2, "one-sided", None, scale_factors)
    return answer([f], of_gradient, (options, int(edge_order)), False, out, target)


@cache
def _compiled() -> ModuleType:
    """Load what needs numba, which takes a while, when the first gradient is asked for."""
    from numgrad.fields import run_cpu

    return run_cpu


@cache
def _on_cuda() -> ModuleType:
    """Load what needs numba.cuda when it is first asked for."""
    from numgrad.fields import run_cuda

    return run_cuda


def _by_numpy(f: Any, varargs: tuple[Any, ...], axis: Any, edge_order: Any, out: Any) -> Any:
    """Give NumPy's answer, or raise its error."""
    answer = np.gradient(f, *varargs, axis=axis, edge_order=edge_order)
    if out is None:
        return answer
    results = answer if isinstance(answer, tuple) else (answer,)
    if not results:
        return answer
    if isinstance(results[0], np.ma.MaskedArray):
        raise TypeError("out can't hold the derivatives of a masked array: it has no mask")
    outputs = checked_outputs(out, results[0].shape, results[0].dtype, len(results), (f, *varargs))
    for output, result in zip(outputs, results, strict=True):
        output[...] = result
    return outputs[0] if len(outputs) == 1 else outputs
