"""The functions that Numba compiles for the operators inside compiled code.

They make the same stencils as a call from Python does, and add up in the same order.
An axis is a pass of its own.
"""

from functools import reduce

import numpy as np
from numba import types
from numba.core.errors import NumbaTypeError, NumbaValueError
from numba.np.numpy_support import as_dtype

from numgrad.fields.boundaries import ONE_SIDED, WRAP, boundaries_of_axes
from numgrad.fields.compiled.lines import (
    CONSTANT_WAY,
    WRAPPED,
    conversion,
    coordinates_stencils,
    marks,
    mirrored_place,
    once,
    uniform_stencils,
    way_of,
)
from numgrad.fields.compiled.plan import constant, constant_axes, is_none, samples_dtype_of
from numgrad.fields.kernels.unrolled import named
from numgrad.fields.plan import result_dtype
from numgrad.fields.weights import MOST_ACCURACY, MOST_ORDER, points_needed
from numgrad.targets.options import formula, internal_njit
from numgrad.targets.stamps import PackageStamp, mark

made_by_numgrad = mark(PackageStamp())


@once
def times(dtype, followed):
    """Make the function that multiplies a difference of samples with a real weight."""
    if dtype.kind == "c" and not followed:
        return formula(lambda weight, d: complex(weight * d.real, weight * d.imag))
    return formula(lambda weight, d: weight * d)


@once
def planes_of(dtype, followed):
    """Make the function that gives ``count`` samples beyond an end, in the order of their places.

    ``way`` says what they are, ``odd`` whether their sign is changed.
    """
    number = conversion(dtype, followed)

    def planes(f, count, way, odd, value, side):
        outer, points, inner = f.shape
        result = np.empty((outer, count, inner), dtype)
        for o in range(outer):
            for k in range(count):
                outward = count - k if side < 0 else k + 1
                if way == WRAPPED:
                    place = (-outward) % points if side < 0 else (outward - 1) % points
                else:
                    place = mirrored_place(way, outward, points)
                    place = place if side < 0 else points - 1 - place
                for q in range(inner):
                    if way == CONSTANT_WAY:
                        result[o, k, q] = value
                    elif odd:
                        result[o, k, q] = -number(f[o, place, q])
                    else:
                        result[o, k, q] = number(f[o, place, q])
        return result

    return internal_njit(named(planes, "planes", dtype.char, *marks(followed)))


@once
def adding(dtype, followed):
    """Make the function that adds the derivatives along an axis, times a sign, to an output."""
    multiply, number = times(dtype, followed), conversion(dtype, followed)
    real_dtype = np.dtype(dtype.char.lower())
    real = conversion(real_dtype, followed and real_dtype == np.float64)
    plain = real_dtype.type

    def sample(f, before, after, o, v, q):
        if v < 0:
            return before[o, v + before.shape[1], q]
        if v >= f.shape[1]:
            return after[o, v - f.shape[1], q]
        return number(f[o, v, q])

    at = internal_njit(named(sample, "sample", dtype.char, *marks(followed)))
    zero = dtype.type(0)

    def add(f, line, before, after, output, sign):
        factor = plain(sign)
        outer, points, inner = f.shape
        varies = line.weights.shape[1] > 1
        part = np.empty(inner, dtype)
        for o in range(outer):
            for i in range(points):
                edge = -1
                if i < line.first:
                    edge = i
                elif i >= points - line.last:
                    edge = line.first + i - (points - line.last)
                count = line.edge_slots.shape[1] if edge >= 0 else line.slots.shape[0]
                for q in range(inner):
                    part[q] = zero
                for s in range(count):
                    if edge >= 0:
                        a, b = line.edge_slots[edge, s, 0], line.edge_slots[edge, s, 1]
                        weight = factor * real(line.edge_weights[s, edge])
                    else:
                        a, b = line.slots[s, 0], line.slots[s, 1]
                        weight = factor * real(line.weights[s, i if varies else 0])
                    u, v = i + a, i + b
                    if 0 <= u < points and 0 <= v < points:
                        for q in range(inner):
                            difference = number(f[o, u, q]) - number(f[o, v, q])
                            part[q] += multiply(weight, difference)
                    else:
                        for q in range(inner):
                            difference = at(f, before, after, o, u, q) - at(
                                f, before, after, o, v, q
                            )
                            part[q] += multiply(weight, difference)
                for q in range(inner):
                    output[o, i, q] += part[q]

    return internal_njit(named(add, "add", dtype.char, *marks(followed)))


@internal_njit
def slabs(array, axis):
    """See a contiguous array as what is before, along and after an axis."""
    outer = inner = 1
    for d in range(axis):
        outer *= array.shape[d]
    for d in range(axis + 1, array.ndim):
        inner *= array.shape[d]
    return array.reshape((outer, array.shape[axis], inner))


@once
def term(dtype, results_dtype, kind, order, accuracy, ends, followed):
    """Make the function ``(f, spacing, period, output, sign)`` that adds a derivative to an output.

    Both are seen as what is before, along and after the axis.
    """
    add = adding(results_dtype, followed)
    planes = planes_of(results_dtype, followed)
    distance = conversion(np.dtype(np.float64), followed)
    # NumPy's integers: by those of Python a function is compiled for each
    first_way, last_way = (np.int64(way_of(end)) for end in ends)
    first_is_odd, last_is_odd = (np.int64(end.sign < 0) for end in ends)
    to_first, to_last = np.int64(-1), np.int64(1)
    first_value, last_value = (results_dtype.type(end.value) for end in ends)
    one_sided = any(end.name == ONE_SIDED for end in ends)
    fewest = points_needed(order, accuracy) if one_sided else (1 if kind == "scalar" else 2)
    if kind == "coordinates":
        from_coordinates = coordinates_stencils(order, accuracy, ends, followed)

        def stencils(spacing, period, points):
            x = np.empty(points)
            if len(spacing) != points:
                raise ValueError(
                    "when 1d, distances must match the length of the corresponding dimension"
                )
            for i in range(points):
                x[i] = spacing[i]
            return from_coordinates(x, period)

    elif kind == "stretched":  # a spacing, and a period that leaves another distance at the seam
        from_coordinates = coordinates_stencils(order, accuracy, ends, followed)
        from_spacing = uniform_stencils(order, accuracy, ends)

        def stencils(spacing, period, points):
            h = distance(spacing)
            if period == abs(h) * points and not followed:
                return from_spacing(h)
            return from_coordinates(np.arange(points) * h, period)

    else:
        from_spacing = uniform_stencils(order, accuracy, ends)

        def stencils(spacing, period, points):
            return from_spacing(distance(spacing))

    names = "_".join(end.name.replace("-", "_") for end in ends)
    such = order, accuracy, names, kind, *marks(followed)
    make = internal_njit(named(stencils, "stencils", *such))

    def derive(samples, spacing, period, output, sign):
        if samples.shape[1] < fewest:
            raise ValueError(
                "an axis has too few points for a derivative of this order and accuracy; pass a "
                "lower accuracy, or a boundary that tells what lies beyond the ends"
            )
        if samples.size == 0:
            return
        line = make(spacing, period, samples.shape[1])
        before = planes(samples, line.before, first_way, first_is_odd, first_value, to_first)
        after = planes(samples, line.after, last_way, last_is_odd, last_value, to_last)
        add(samples, line, before, after, output, sign)

    return internal_njit(named(derive, "derive", dtype.char, *such))


class Call:
    """What the types of a call tell: its constants, and its spacings."""

    def __init__(self, f, spacings, axis, accuracy, boundary, period, followed, order=1):
        self.followed = followed  # whether derivatives are to go through
        self.dtype = samples_dtype_of(f)
        self.results_dtype = result_dtype(self.dtype)
        self.ndim = f.ndim
        self.axes = constant_axes(axis, f.ndim)
        self.order = _constant_number(order, "order", MOST_ORDER)
        self.accuracy = _constant_number(accuracy, "accuracy", MOST_ACCURACY)
        self.ends = _constant_boundaries(boundary, len(self.axes))
        if isinstance(period, types.BaseTuple):
            raise NumbaTypeError("in compiled code period is one number for all axes")
        self.has_period = not is_none(period)
        if self.has_period and not any(ends[0].name == WRAP for ends in self.ends):
            raise NumbaValueError("period is for boundary 'wrap', which no axis has")
        given = [spacing for spacing in spacings if not is_none(spacing)]
        count = len(self.axes)
        if len(given) == 1 and not isinstance(given[0], types.Array):
            self.slots = [0] * count
        elif not given:
            self.slots = [None] * count
        elif len(given) != count:
            raise NumbaTypeError(
                f"invalid number of arguments: {len(given)} spacings for {count} axes"
            )
        else:
            self.slots = list(range(count))
        self.kinds = [
            _kind_of(None if slot is None else given[slot], ends, self.has_period, self.accuracy)
            for slot, ends in zip(self.slots, self.ends, strict=True)
        ]

    def term(self, k, component, sign=1.0):
        """Make the function that adds the derivative of a component along an axis to an output."""
        derive = term(
            self.dtype,
            self.results_dtype,
            self.kinds[k],
            self.order,
            self.accuracy,
            self.ends[k],
            self.followed,
        )
        slot, has_period, axis = self.slots[k], self.has_period, np.int64(self.axes[k])
        name = "term_of", self.axes[k], component, slot, has_period, sign < 0, *marks(self.followed)
        distance = conversion(np.dtype(np.float64), self.followed)
        dtype = self.results_dtype
        lifted = formula((lambda f: f.astype(dtype)) if self.followed else (lambda f: f))

        def add(components, spacings, period, output):
            if slot is None:
                spacing = 1.0
            else:
                spacing = spacings[slot]
            derive(
                slabs(np.ascontiguousarray(lifted(components[component])), axis),
                spacing,
                distance(period) if has_period else 0.0,
                slabs(output, axis),
                sign,
            )

        return formula(named(add, *name))

    def output(self, terms):
        """Make the function that gives an output, the sum of some terms."""
        dtype = self.results_dtype
        add_all = reduce(_in_turn, terms)

        def output(components, spacings, period):
            result = np.zeros(components[0].shape, dtype)
            add_all(components, spacings, period, result)
            return result

        return formula(named(output, "output", dtype.char, len(terms)))


def _in_turn(first, second):
    def both(components, spacings, period, output):
        first(components, spacings, period, output)
        second(components, spacings, period, output)

    return formula(both)


def differentiation(f, spacings, axis, order, accuracy, boundary, period, followed):
    """Make the function that gives one derivative."""
    axis = -1 if is_none(axis) else axis
    call = Call(f, spacings, axis, accuracy, boundary, period, followed, order)
    if len(call.axes) != 1:
        raise NumbaTypeError("axis must be one integer")
    return [call.output([call.term(0, 0)])], call


def laplacian(f, spacings, axis, accuracy, boundary, period, followed):
    """Make the function that gives the sum of the second derivatives."""
    call = Call(f, spacings, axis, accuracy, boundary, period, followed, 2)
    return [call.output([call.term(k, 0) for k in range(len(call.axes))])], call


def divergence(components, spacings, axis, accuracy, boundary, period, followed):
    """Make the function that gives the sum of each component's own derivative."""
    call = Call(components[0], spacings, axis, accuracy, boundary, period, followed)
    if len(components) != len(call.axes):
        raise NumbaTypeError("a divergence needs one component an axis")
    return [call.output([call.term(k, k) for k in range(len(components))])], call


def curl(components, spacings, axis, accuracy, boundary, period, followed):
    """Make the functions that give the components of a curl."""
    call = Call(components[0], spacings, axis, accuracy, boundary, period, followed)
    count = len(components)
    if count not in (2, 3) or count != len(call.axes):
        raise NumbaTypeError("a curl needs two components along two axes or three along three")
    pairs = ((0, 1),) if count == 2 else ((1, 2), (2, 0), (0, 1))
    return [call.output([call.term(i, j), call.term(j, i, -1.0)]) for i, j in pairs], call


def results_of(outputs, call, out):
    """Make the function ``(components, spacings, period, out)`` that gives all results."""
    gather = formula(lambda components, spacings, period: ())
    for output in reversed(outputs):
        gather = _one_more(output, gather)
    count = len(outputs)
    if is_none(out):
        if count == 1:
            return formula(lambda components, spacings, period, out: gather(
                components, spacings, period)[0])  # fmt: skip
        return formula(lambda components, spacings, period, out: gather(
            components, spacings, period))  # fmt: skip
    arrays = list(out) if isinstance(out, types.BaseTuple) else [out]
    if len(arrays) != count:
        raise NumbaTypeError(f"out must hold {count} arrays in compiled code, not {out}")
    for array in arrays:
        if not isinstance(array, types.Array) or as_dtype(array.dtype) != call.results_dtype:
            raise NumbaTypeError(f"out must be of dtype {call.results_dtype}, not {array}")
        if array.ndim != call.ndim or not array.mutable:
            raise NumbaTypeError(f"out must be writable and have {call.ndim} dimensions: {array}")
    single = not isinstance(out, types.BaseTuple)

    def store(components, spacings, period, out):
        outs = (out,) if single else out
        for k in range(count):
            if outs[k].shape != components[0].shape:
                raise ValueError("out must have the shape of a component")
        results = gather(components, spacings, period)
        for k in range(count):
            outs[k][...] = results[k]
        return out

    return formula(store)


def _one_more(output, gather):
    return formula(
        lambda components, spacings, period: (
            (output(components, spacings, period),) + gather(components, spacings, period)  # noqa: RUF005 - Numba knows no other
        )
    )


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


def _constant_number(argument, name, most):
    value = constant(argument, name)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise NumbaValueError(f"{name} must lie between 1 and {most}, not {value}")
    return value


def _constant_boundaries(argument, count):
    try:
        return boundaries_of_axes(constant(argument, "boundary"), count)
    except ValueError as error:
        raise NumbaValueError(f"{error}") from error


def refuse_others(nan, scale_factors, datetime_unit, target):
    """Raise for what only calls from Python can do."""
    if constant(nan, "nan") != "propagate":
        raise NumbaValueError("nan='one-sided' isn't for compiled code: call it from Python")
    if not is_none(scale_factors):
        raise NumbaTypeError("scale_factors aren't for compiled code: call it from Python")
    if not is_none(datetime_unit):
        raise NumbaTypeError("datetime_unit isn't for compiled code: call it from Python")
    if constant(target, "target") not in ("auto", "cpu"):
        raise NumbaValueError(
            "operators in compiled code run on the CPU: target is 'auto' or 'cpu'"
        )


def _kind_of(spacing, ends, has_period, accuracy):
    """Give what a spacing is: one for all points, one with a period, or coordinates."""
    wraps = ends[0].name == WRAP
    if isinstance(spacing, types.Array) and spacing.ndim == 1:
        if wraps and not has_period:
            raise NumbaValueError(
                "boundary 'wrap' with coordinates needs a period: period=360.0 for longitudes in "
                "degrees"
            )
        return "coordinates"
    if spacing is not None and not isinstance(
        types.unliteral(spacing), types.Integer | types.Float
    ):
        raise NumbaTypeError(
            "in compiled code a spacing must be a number or a one-dimensional array of them, not "
            f"{spacing}"
        )
    if accuracy % 2:
        raise NumbaValueError(
            f"accuracy {accuracy} isn't reached by central differences at equal distances, whose "
            "accuracy is even; pass an even number"
        )
    return "stretched" if has_period and wraps else "scalar"
