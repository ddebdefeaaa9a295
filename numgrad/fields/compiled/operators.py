"""The functions that Numba compiles for the operators inside compiled code.

They make the same stencils as a call from Python does, and add up in the same order.
An axis is a pass of its own.
"""

import numpy as np
from numba import types
from numba.core.errors import NumbaTypeError, NumbaValueError
from numba.np.numpy_support import as_dtype

from numgrad.fields.compiled.call import Call, Settings
from numgrad.fields.compiled.curved import CURL, DIVERGENCE, LAPLACIAN
from numgrad.fields.compiled.plan import constant, constant_edge_order, is_none
from numgrad.fields.kernels.unrolled import named
from numgrad.targets.options import formula
from numgrad.targets.stamps import PackageStamp, mark

made_by_numgrad = mark(PackageStamp())


def differentiation(f, spacings, order, settings):
    """Make the function that gives one derivative."""
    axis = -1 if is_none(settings.axis) else settings.axis
    call = Call(f, spacings, settings._replace(axis=axis), order)
    if len(call.axes) != 1:
        raise NumbaTypeError("axis must be one integer")
    return [call.output([call.term(0, 0)])], call


def curved_gradient(f, spacings, axis, edge_order, scale_factors, out, target, followed):
    """Make the function that gives the derivatives along all axes with scale factors."""
    refuse_others(None, target)
    settings = Settings(axis, scale_factors=scale_factors, followed=followed)
    call = Call(f, spacings, settings, 1, constant_edge_order(edge_order))
    outputs = [call.output([call.term(k, 0)]) for k in range(len(call.axes))]
    return results_of(outputs, call, out)


def laplacian(f, spacings, settings):
    """Make the function that gives the sum of the second derivatives."""
    call = Call(f, spacings, settings, 2)
    terms = [call.term(k, 0, role=LAPLACIAN) for k in range(len(call.axes))]
    return [call.output(terms)], call


def divergence(components, spacings, settings):
    """Make the function that gives the sum of each component's own derivative."""
    call = Call(components[0], spacings, settings, components=len(components))
    if len(components) != len(call.axes):
        raise NumbaTypeError("a divergence needs one component an axis")
    terms = [call.term(k, k, role=DIVERGENCE) for k in range(len(components))]
    return [call.output(terms)], call


def curl(components, spacings, settings):
    """Make the functions that give the components of a curl."""
    call = Call(components[0], spacings, settings, components=len(components))
    count = len(components)
    if count not in (2, 3) or count != len(call.axes):
        raise NumbaTypeError("a curl needs two components along two axes or three along three")
    pairs = ((0, 1),) if count == 2 else ((1, 2), (2, 0), (0, 1))
    outputs = [
        call.output([call.term(i, j, 1.0, CURL, j), call.term(j, i, -1.0, CURL, i)])
        for i, j in pairs
    ]
    return outputs, call


def results_of(outputs, call, out):
    """Make the function ``(components, spacings, period, factors, out)`` that gives all results."""
    spread, dtype = call.spread, call.results_dtype
    of_all = formula(lambda flats, shape, spacings, period, factors: ())
    for output in reversed(outputs):
        of_all = _one_more(output, of_all)
    is_lifted = call.followed and call.dtype != dtype
    lifted = formula((lambda f: f.astype(dtype)) if is_lifted else (lambda f: f))
    flat = formula(lambda components: ())
    for k in reversed(range(call.components)):
        flat = _one_more_flat(k, lifted, flat)

    def gather(components, spacings, period, factors):
        shape = components[0].shape
        return of_all(flat(components), shape, spacings, period, spread(factors, shape))

    gather = formula(named(gather, "gather", len(outputs)))
    count = len(outputs)
    if is_none(out):
        if count == 1:
            return formula(lambda components, spacings, period, factors, out: gather(
                components, spacings, period, factors)[0])  # fmt: skip
        return formula(lambda components, spacings, period, factors, out: gather(
            components, spacings, period, factors))  # fmt: skip
    arrays = list(out) if isinstance(out, types.BaseTuple) else [out]
    if len(arrays) != count:
        raise NumbaTypeError(f"out must hold {count} arrays in compiled code, not {out}")
    for array in arrays:
        if not isinstance(array, types.Array) or as_dtype(array.dtype) != call.results_dtype:
            raise NumbaTypeError(f"out must be of dtype {call.results_dtype}, not {array}")
        if array.ndim != call.ndim or not array.mutable:
            raise NumbaTypeError(f"out must be writable and have {call.ndim} dimensions: {array}")
    single = not isinstance(out, types.BaseTuple)

    def store(components, spacings, period, factors, out):
        outs = (out,) if single else out
        for k in range(count):
            if outs[k].shape != components[0].shape:
                raise ValueError("out must have the shape of a component")
        results = gather(components, spacings, period, factors)
        for k in range(count):
            outs[k][...] = results[k]
        return out

    return formula(store)


def _one_more(output, of_all):
    return formula(
        lambda flats, shape, spacings, period, factors: (
            (output(flats, shape, spacings, period, factors),)  # noqa: RUF005 - Numba knows no other
            + of_all(flats, shape, spacings, period, factors)
        )
    )


def _one_more_flat(k, lifted, flat):
    """Make the function that gives one component more, contiguous and as one dimension."""

    def flats(components):
        f = np.ascontiguousarray(lifted(components[k]))
        return (f.reshape((f.size,)),) + flat(components)  # noqa: RUF005 - Numba knows no other

    return formula(named(flats, "flats", k))


def components_of(components):
    """Give the types of the components, and the function that gives them as a tuple."""
    if isinstance(components, types.BaseTuple):
        given = list(components)
        if not given or any(array != given[0] for array in given):
            raise NumbaTypeError(
                f"in compiled code all components must be arrays of one type, not {components}"
            )
        return given, formula(lambda components: components)
    raise NumbaTypeError(f"in compiled code components must be a tuple of arrays, not {components}")


def check_shapes(count):
    """Make the function that raises if components have other shapes than the first."""

    def check(components):
        for k in range(1, count):
            if components[k].shape != components[0].shape:
                raise ValueError("all components must have the same shape")

    return formula(named(check, "check_shapes", count))


def refuse_others(datetime_unit, target):
    """Raise for what only calls from Python can do."""
    if not is_none(datetime_unit):
        raise NumbaTypeError("datetime_unit isn't for compiled code: call it from Python")
    if constant(target, "target") not in ("auto", "cpu"):
        raise NumbaValueError(
            "operators in compiled code run on the CPU: target is 'auto' or 'cpu'"
        )
