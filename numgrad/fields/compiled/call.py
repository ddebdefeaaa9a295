"""A call of an operator inside compiled code: what its types tell, and its outputs."""

from functools import reduce
from typing import NamedTuple

import numpy as np
from numba import types
from numba.core.errors import NumbaTypeError, NumbaValueError

from numgrad.fields.boundaries import WRAP, boundaries_of_axes
from numgrad.fields.compiled.curved import GRADIENT, LAPLACIAN
from numgrad.fields.compiled.line_terms import (
    Derivative,
    adding_where_missing,
    line_term,
    spacing_of,
)
from numgrad.fields.compiled.lines import COORDINATES, LINES, SCALAR, STRETCHED, conversion, marks
from numgrad.fields.compiled.plan import constant, constant_axes, is_none, samples_dtype_of
from numgrad.fields.compiled.spreads import spread_factors
from numgrad.fields.compiled.terms import slabs, term
from numgrad.fields.kernels.unrolled import named
from numgrad.fields.operation import NANS
from numgrad.fields.plan import result_dtype
from numgrad.fields.weights import MOST_ACCURACY, MOST_ORDER
from numgrad.targets.options import formula, internal_njit


class Settings(NamedTuple):
    """The keywords of a call, as types or constants."""

    axis: object = None
    accuracy: object = 2
    boundary: object = "one-sided"
    period: object = None
    nan: object = "propagate"
    scale_factors: object = None
    followed: bool = False  # whether derivatives are to go through


class Call:
    """What the types of a call tell: its constants, and its spacings."""

    def __init__(self, f, spacings, settings, order=1, at_ends=None, components=1):
        self.components = components
        self.followed = settings.followed
        self.dtype = samples_dtype_of(f)
        self.results_dtype = result_dtype(self.dtype)
        self.ndim = f.ndim
        self.axes = constant_axes(settings.axis, f.ndim)
        self.order = _constant_number(order, "order", MOST_ORDER)
        self.accuracy = _constant_number(settings.accuracy, "accuracy", MOST_ACCURACY)
        self.at_ends = at_ends
        self.ends = _constant_boundaries(settings.boundary, len(self.axes))
        if isinstance(settings.period, types.BaseTuple):
            raise NumbaTypeError("in compiled code period is one number for all axes")
        self.has_period = not is_none(settings.period)
        if self.has_period and not any(ends[0].name == WRAP for ends in self.ends):
            raise NumbaValueError("period is for boundary 'wrap', which no axis has")
        nan = constant(settings.nan, "nan")
        if nan not in NANS:
            raise NumbaValueError(f"nan must be one of {', '.join(map(repr, NANS))}, not {nan!r}")
        self.avoids = nan == "one-sided" and self.dtype.kind not in "iu"
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
            self._kind_of(None if slot is None else given[slot], ends)
            for slot, ends in zip(self.slots, self.ends, strict=True)
        ]
        self.factors, self.spread = 0, formula(lambda factors, shape: ())
        if not is_none(settings.scale_factors):
            self.factors = len(getattr(settings.scale_factors, "types", ()))
            self.spread = spread_factors(settings.scale_factors, f.ndim, count)

    def _kind_of(self, spacing, ends):
        """Give what a spacing is."""
        wraps = ends[0].name == WRAP
        if isinstance(spacing, types.Array) and spacing.ndim in (1, self.ndim):
            if wraps and not self.has_period:
                raise NumbaValueError(
                    "boundary 'wrap' with coordinates needs a period: period=360.0 for longitudes "
                    "in degrees"
                )
            return COORDINATES if spacing.ndim == 1 else LINES
        if spacing is not None and not isinstance(
            types.unliteral(spacing), types.Integer | types.Float
        ):
            raise NumbaTypeError(
                "in compiled code a spacing must be a number or an array of one dimension or those "
                f"of the field, not {spacing}"
            )
        if self.accuracy % 2:
            raise NumbaValueError(
                f"accuracy {self.accuracy} isn't reached by central differences at equal "
                "distances, whose accuracy is even; pass an even number"
            )
        return STRETCHED if self.has_period and wraps else SCALAR

    def term(self, k, component, sign=1.0, role=GRADIENT, of=0):
        """Make the functions that add the derivative of a component along an axis to an output.

        The second adds it to the totals of points with missing neighbours.
        """
        role = role if self.factors else GRADIENT
        derivative = Derivative(
            self.kinds[k],
            self.order,
            self.accuracy,
            self.at_ends,
            self.ends[k],
            role == LAPLACIAN,
            self.factors,
        )
        role, own, of, sign = np.int64(role), np.int64(k), np.int64(of), np.float64(sign)
        slot, has_period, axis = self.slots[k], self.has_period, np.int64(self.axes[k])
        spacing_at = formula(
            (lambda spacings: 1.0) if slot is None else (lambda spacings: spacings[slot])
        )
        distance = conversion(np.dtype(np.float64), self.followed)
        period_of = formula(
            (lambda period: distance(period)) if has_period else (lambda period: 0.0)
        )
        name = self.axes[k], component, slot, has_period, sign < 0, *marks(self.followed)
        ways = spacing_of(derivative.kind, self.ends[k][0].name == WRAP, axis, self.followed)
        repair = None
        if self.avoids:
            missing = adding_where_missing(self.results_dtype, derivative, self.followed)

            def add_where_missing(flats, shape, spacings, period, factors, lost, totals):
                spacing, signed = ways(spacing_at(spacings), period_of(period), shape)
                missing(
                    flats[component], shape, axis, spacing, signed, factors, role, own, of, sign,
                    lost, totals
                )  # fmt: skip

            repair = formula(named(add_where_missing, "missing_of", *name))
        if self.factors or derivative.kind == LINES:
            derive_lines = line_term(self.results_dtype, derivative, self.followed)

            def add_lines(flats, shape, spacings, period, factors, output):
                spacing, signed = ways(spacing_at(spacings), period_of(period), shape)
                derive_lines(
                    flats[component], shape, axis, spacing, signed, factors, role, own, of, sign,
                    output
                )  # fmt: skip

            return formula(named(add_lines, "lines_of", *name)), repair, component
        derive = term(
            self.dtype,
            self.results_dtype,
            derivative.kind,
            self.order,
            self.accuracy,
            self.ends[k],
            self.followed,
        )

        def add(flats, shape, spacings, period, factors, output):
            derive(
                slabs(flats[component], shape, axis),
                spacing_at(spacings),
                period_of(period),
                slabs(output, shape, axis),
                sign,
            )

        return formula(named(add, "term_of", *name)), repair, component

    def output(self, terms):
        """Make the function that gives an output, the sum of some terms."""
        dtype = self.results_dtype
        add_all = reduce(_in_turn, [add for add, _, _ in terms])
        repair = formula(lambda flats, shape, spacings, period, factors, result: None)
        if self.avoids:
            repair = self._repairing(terms)

        def output(flats, shape, spacings, period, factors):
            result = np.zeros(flats[0].size, dtype)
            add_all(flats, shape, spacings, period, factors, result)
            repair(flats, shape, spacings, period, factors, result)
            return result.reshape(shape)

        return formula(named(output, "output", dtype.char, len(terms)))

    def _repairing(self, terms):
        """Make the function that derives again where missing samples have left nothing."""
        dtype = np.result_type(self.results_dtype, np.float64)
        add_all = reduce(_in_turn_where_missing, [repair for _, repair, _ in terms])
        mark_all = reduce(_in_turn_of_marks, [_marking(k) for k in {k for _, _, k in terms}])
        number = conversion(self.results_dtype, self.followed)

        def repair(flats, shape, spacings, period, factors, result):
            missing = np.zeros(result.size, np.bool_)
            mark_all(flats, missing)
            lost = where_lost(result, missing)
            totals = np.zeros(len(lost), dtype)
            if len(lost) > 0:
                add_all(flats, shape, spacings, period, factors, lost, totals)
            for r in range(len(lost)):
                result[lost[r]] = number(totals[r])

        return formula(named(repair, "repair", dtype.char, len(terms)))


def _in_turn(first, second):
    def both(flats, shape, spacings, period, factors, output):
        first(flats, shape, spacings, period, factors, output)
        second(flats, shape, spacings, period, factors, output)

    return formula(both)


def _in_turn_where_missing(first, second):
    def both(flats, shape, spacings, period, factors, lost, totals):
        first(flats, shape, spacings, period, factors, lost, totals)
        second(flats, shape, spacings, period, factors, lost, totals)

    return formula(both)


def _in_turn_of_marks(first, second):
    def both(flats, missing):
        first(flats, missing)
        second(flats, missing)

    return formula(both)


def _marking(component):
    return formula(lambda flats, missing: mark_missing(flats[component], missing))


@internal_njit
def mark_missing(samples, missing):
    """Mark the samples that are missing."""
    for p in range(len(samples)):
        if np.isnan(samples[p]):
            missing[p] = True


@internal_njit
def where_lost(result, missing):
    """Find the results that are nan where no sample is missing; make them nan where one is."""
    count = 0
    for p in range(len(result)):
        if missing[p]:
            result[p] = np.nan
        elif np.isnan(result[p]):
            count += 1
    lost = np.empty(count, np.int64)
    count = 0
    for p in range(len(result)):
        if not missing[p] and np.isnan(result[p]):
            lost[count] = p
            count += 1
    return lost


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
