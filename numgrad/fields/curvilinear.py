"""Scale factors of orthogonal curvilinear coordinates, folded into the weights of stencils.

With ``H`` the product of all scale factors, the divergence of ``F`` is the sum of
``1/H d_k(H/h_k F_k)``, the Laplacian of ``f`` that of ``1/H d_k(H/h_k^2 d_k f)``, and the
components of the curl are ``1/(h_i h_j) (d_i(h_j F_j) - d_j(h_i F_i))``.
"""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np

from numgrad.fields.boundaries import CONSTANT, ONE_SIDED, Boundary, Ghosts
from numgrad.fields.grid import Axis
from numgrad.fields.layout import Array
from numgrad.fields.lines import Line, from_center, others, scaled, spread, varying_line, whole
from numgrad.fields.weights import ZERO, exact_weights, one_sided, power


def factors_of(given: Any, shape: tuple[int, ...], count: int) -> list[Array] | None:
    """Give the scale factors as arrays that spread over the field, or None where there are none."""
    if given is None:
        return None
    if not isinstance(given, tuple | list) or len(given) not in (count, count + 1):
        raise ValueError(
            f"scale_factors must be a tuple of one entry an axis, {count}, and perhaps one more "
            "for a direction in which nothing varies"
        )
    factors = []
    for k, factor in enumerate(given):
        array = np.asarray(factor)
        if array.dtype.kind not in "iuf":
            raise TypeError(
                f"scale_factors[{k}] must be a number or an array of real numbers, not {factor!r}"
            )
        array = array.astype(np.float64)
        try:
            fits = np.broadcast_shapes(array.shape, shape) == shape
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(
                f"scale_factors[{k}] has shape {array.shape}, which doesn't broadcast to that of "
                f"the field, {shape}"
            )
        factors.append(array.reshape((1,) * (len(shape) - array.ndim) + array.shape))
    return factors


def product(factors: Sequence[Array], ndim: int) -> Array:
    """Give the product of scale factors, which spreads over the field."""
    return reduce(np.multiply, factors, np.ones((1,) * ndim))


def inverse(factors: Array) -> Array:
    """Give 1 over scale factors, infinite at a pole, where one is 0."""
    with np.errstate(divide="ignore"):
        return 1.0 / factors


def of_product(line: Line, inner: Array, outer: Array) -> Line:
    """Give the stencils of ``outer d(inner f)``, where f is what the samples are of.

    As ``w (c_j f_j - c_i f_i) = w c_j (f_j - f_i) + w (c_j - c_i) f_i``, it is a difference more,
    whose second sample is no sample but 0.
    """
    axis = line.axis
    if inner.shape[axis] == 1:
        return scaled(line, inner * outer)
    line = whole(line)
    around = with_ghosts(inner, line.ghosts, axis)
    places = np.arange(line.points)
    slots, weights = _product_slots(
        line.slots[None], line.weights, around, places, line.ghosts.before, axis
    )
    edge_slots, edge_weights = _product_slots(
        line.edge_slots, line.edge_weights, around, line.edges, line.ghosts.before, axis
    )
    wider = replace(
        line, slots=slots[0], weights=weights, edge_slots=edge_slots, edge_weights=edge_weights
    )
    return scaled(wider, outer)


def _product_slots(
    slots: Array, weights: Array, around: Array, places: Array, before: int, axis: int
) -> tuple[Array, Array]:
    """Give slots and weights of the derivative of a product, at some places."""
    here = np.take(around, places + before, axis)
    new_slots, new_weights = [], []
    own: Any = 0.0
    for s in range(slots.shape[1]):
        first, second = slots[:, s, 0], slots[:, s, 1]
        weight = weights[s]
        left = np.take(around, np.clip(places + first + before, 0, around.shape[axis] - 1), axis)
        right = np.take(around, np.clip(places + second + before, 0, around.shape[axis] - 1), axis)
        if (second == 0).all():
            new_slots.append(slots[:, s])
            new_weights.append(weight * left)
            own = own + weight * (left - here)
        else:  # the same on both sides: w (c_j f_j - c_k f_k)
            both = 0.5 * (left + right)
            zero = np.full_like(first, ZERO)
            half = 0.5 * weight * (left - right)
            new_slots += [slots[:, s], np.stack([first, zero], -1), np.stack([second, zero], -1)]
            new_weights += [weight * both, half, half]
    if not np.isscalar(own):
        zeros = np.zeros(len(slots), np.int64)
        new_slots.append(np.stack([zeros, zeros + ZERO], -1))
        new_weights.append(own)
    if not new_slots:
        return slots, weights
    shape = np.broadcast_shapes(*(weight.shape for weight in new_weights))
    table = np.stack([np.broadcast_to(weight, shape) for weight in new_weights])
    return np.stack(new_slots, axis=1), table


def with_ghosts(factors: Array, ghosts: Ghosts, axis: int) -> Array:
    """Give scale factors with those of the ghosts, which are positive as all are."""
    ends = tuple(
        Boundary("edge") if end.name in (CONSTANT, ONE_SIDED) else Boundary(end.mirror)
        for end in ghosts.ends
    )
    even = Ghosts((ends[0], ends[1]), ghosts.before, ghosts.after)
    before, after = even.planes(factors, axis)
    parts = [part for part in (before, factors, after) if part is not None]
    return np.concatenate(parts, axis)


def of_flux(axis: Axis, accuracy: int, inner: Array, outer: Array) -> Line:
    """Give the stencils of ``outer d(inner d f)``.

    At equal distances it is the balance of fluxes halfway between the points: what leaves one cell
    enters the next. At uneven ones, and next to one-sided ends, where the balance of fluxes would
    lose an order, it is ``outer (inner d^2 f + d inner d f)``.
    """
    if inner.shape[axis.axis] == 1:
        return scaled(axis.line(2, accuracy), inner * outer)
    axis.check(2, accuracy)
    if isinstance(axis.spacing, float):
        line = _balance(axis, axis.spacing, accuracy, inner)
    else:
        second = whole(axis.line(2, accuracy))
        first = varying_line(
            axis.axis,
            axis.ndim,
            axis.spacing,
            1,
            accuracy + 1,  # which takes the same points
            axis.ends,
            axis.period,
            accuracy + 1,
        )
        first = whole(first)
        around = with_ghosts(inner, second.ghosts, axis.axis)
        places = np.arange(axis.points)
        before, slots = second.ghosts.before, second.slots[None]
        line = replace(
            second,
            weights=_by_chain_rule(
                slots, second.weights, first.weights, around, places, before, axis.axis
            ),
            edge_weights=_by_chain_rule(
                second.edge_slots,
                second.edge_weights,
                first.edge_weights,
                around,
                second.edges,
                before,
                axis.axis,
            ),
        )
    return scaled(line, outer)


def _by_chain_rule(
    slots: Array,
    second: Array,
    first: Array,
    around: Array,
    places: Array,
    before: int,
    axis: int,
) -> Array:
    """Give the weights of ``c d^2 f + dc df`` from those of the derivatives of f and of c."""
    here = np.take(around, places + before, axis)
    slope: Any = 0.0
    for s in range(slots.shape[1]):
        there = np.clip(places + slots[:, s, 0] + before, 0, around.shape[axis] - 1)
        slope = slope + first[s] * (np.take(around, there, axis) - here)
    return np.asarray(second * here + first * slope)


def _balance(axis: Axis, h: float, accuracy: int, inner: Array) -> Line:
    """Give the stencils of ``d(inner d f)`` at equal distances."""
    if accuracy % 2:
        axis.line(2, accuracy)  # raises
    half, reach, size = accuracy // 2, accuracy - 1, accuracy + 2
    before, after = (end.name == ONE_SIDED for end in axis.ends)
    ghosts = Ghosts(axis.ends, 0 if before else reach, 0 if after else reach)
    around, place, n = with_ghosts(inner, ghosts, axis.axis), axis.axis, axis.points
    slopes, means = halfway_weights(accuracy)
    offsets = others(-reach, 2 * reach + 1)
    shape = [*np.broadcast_shapes(around.shape, (1,) * axis.ndim)]
    shape[place] = n
    weights = np.zeros((len(offsets), *shape))
    points = np.arange(n) + ghosts.before

    def at(offset: int) -> Array:
        return np.take(around, np.clip(points + offset, 0, around.shape[place] - 1), place)

    for a, outward in enumerate(slopes):
        left = a - half  # the flux between the points left and left + 1
        between = sum(mean * at(left + 1 + b - half) for b, mean in enumerate(means))
        for b, slope in enumerate(slopes):
            offset = left + 1 + b - half
            if offset:
                weights[offsets.searchsorted(offset)] += outward * slope / power(h, 2) * between
    edges = np.r_[0 : reach if before else 0, n - (reach if after else 0) : n]
    starts = np.clip(edges - (size - 1) // 2, 0 if before else -reach, None)
    starts = np.minimum(starts, n - size) if after else starts
    edge_slots = np.array([others(k, size) for k in starts - edges], np.int64)
    edge_slots = from_center(edge_slots.reshape(len(edges), size - 1))
    second, first = (
        _edge_weights(edges - starts, size, order, place, axis.ndim) / power(h, order)
        for order in (2, 1)
    )
    return Line(
        place,
        n,
        from_center(offsets),
        weights,
        reach if before else 0,
        reach if after else 0,
        edge_slots,
        _by_chain_rule(edge_slots, second, first, around, edges, ghosts.before, place),
        ghosts,
    )


def halfway_weights(accuracy: int) -> tuple[list[float], list[float]]:
    """Give the weights of points half a step away, for the slope and the value between them."""
    half = accuracy // 2
    halves = tuple(Fraction(2 * k + 1, 2) for k in range(-half, half))
    slopes, means = (exact_weights(halves, order) for order in (1, 0))
    return list(map(float, slopes)), list(map(float, means))


def _edge_weights(at: Array, size: int, order: int, axis: int, ndim: int) -> Array:
    weights = [one_sided(size, int(place), order)[1] for place in at]
    return spread(np.array(weights).reshape(len(at), size - 1).T, axis, ndim)
