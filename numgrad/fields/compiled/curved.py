"""Weights of one line inside compiled code: what ``fields.curvilinear`` makes of them for a field.

``H`` is the product of all scale factors; every number is computed as there.
"""

import numpy as np

from numgrad.fields.boundaries import ONE_SIDED
from numgrad.fields.compiled.lines import (
    Stencils,
    code_of,
    ghost_place,
    once,
    to_power,
    way_of,
)
from numgrad.fields.curvilinear import halfway_weights
from numgrad.fields.kernels.unrolled import named
from numgrad.fields.lines import others
from numgrad.fields.weights import ZERO, one_sided
from numgrad.targets.options import internal_njit

# Which factors stand before and behind a derivative: those of a gradient, or none at all; of a
# divergence, a curl, a Laplacian.
GRADIENT, DIVERGENCE, CURL, LAPLACIAN = range(4)


@internal_njit
def factors_vary(factors, role, own, of, axis):
    """Tell if the factor that is derived with the samples varies along an axis."""
    varies = False
    for k in range(len(factors)):
        takes_part = role == LAPLACIAN or (role == DIVERGENCE and k != own)
        takes_part = takes_part or (role == CURL and k == of)
        varies = varies or (takes_part and factors[k].steps[axis] != 0)
    return varies


@internal_njit
def inner_and_outer(h, role, own, of, sign, varies, inner, outer):
    """Write down both factors of ``outer d(inner F)`` along a line from the scale factors there."""
    count = len(h)
    for i in range(len(inner)):
        inner[i] = 1.0
        if count == 0:
            outer[i] = sign
            continue
        if role == LAPLACIAN and not varies:
            outer[i] = 1.0 / (h[own, i] * h[own, i])
            continue
        factor = 1.0
        if role == LAPLACIAN:
            every = 1.0
            for k in range(count):
                every *= h[k, i]
            factor = 1.0 / every
        else:
            factor = sign * (1.0 / h[own, i])
        if varies:
            within = 1.0
            if role == CURL:
                within = h[of, i]
            else:
                for k in range(count):
                    if k != own:
                        within *= h[k, i]
            if role == LAPLACIAN:
                within *= 1.0 / h[own, i]
            else:
                factor = factor * (1.0 / within)
            inner[i] = within
        outer[i] = factor


@internal_njit
def with_ghosts(inner, before, after, first_way, last_way):
    """Give factors along a line with those of the ghosts, which are positive as all are."""
    points = len(inner)
    around = np.empty(before + points + after)
    for k in range(before):
        around[k] = inner[ghost_place(first_way, before - k, points, -1)]
    for i in range(points):
        around[before + i] = inner[i]
    for k in range(after):
        around[before + points + k] = inner[ghost_place(last_way, k + 1, points, 1)]
    return around


@internal_njit
def edge_place(line, e, points):
    """Give the point that the edge stencil of some number is for."""
    return e if e < line.first else points - line.last + e - line.first


@internal_njit
def clipped(place, count):
    """Give a place within a line."""
    return min(max(place, 0), count - 1)


@internal_njit
def with_weights(line, slots, weights, edge_slots, edge_weights):
    """Give stencils with others than they had."""
    return Stencils(
        slots, weights, edge_slots, edge_weights, line.first, line.last, line.before, line.after
    )


@internal_njit
def scaled_line(line, outer):
    """Give stencils whose derivatives are multiplied with a factor."""
    points = len(outer)
    count, last = len(line.weights), line.weights.shape[1] - 1
    weights, edge_weights = np.empty((count, points)), np.empty(line.edge_weights.shape)
    for s in range(count):
        for i in range(points):
            weights[s, i] = line.weights[s, min(i, last)] * outer[i]
    for s in range(edge_weights.shape[0]):
        for e in range(edge_weights.shape[1]):
            edge_weights[s, e] = line.edge_weights[s, e] * outer[edge_place(line, e, points)]
    return with_weights(line, line.slots, weights, line.edge_slots, edge_weights)


@internal_njit
def product_line(line, around, outer):
    """Give the stencils of ``outer d(inner f)``: differences to 0 more.

    See ``curvilinear.of_product``.
    """
    points, count, last = len(outer), len(line.slots), line.weights.shape[1] - 1
    before, total = line.before, len(around)
    from_own = 0
    for s in range(count):
        from_own += line.slots[s, 1] == 0
    wider = from_own + 3 * (count - from_own) + (from_own > 0)
    slots, weights = np.zeros((wider, 2), np.int64), np.zeros((wider, points))
    at = 0
    for s in range(count):
        a, b = line.slots[s, 0], line.slots[s, 1]
        if b == 0:
            slots[at, 0] = a
        else:
            slots[at, 0], slots[at, 1] = a, b
            slots[at + 1, 0], slots[at + 1, 1] = a, ZERO
            slots[at + 2, 0], slots[at + 2, 1] = b, ZERO
        for i in range(points):
            weight = line.weights[s, min(i, last)]
            left = around[clipped(i + a + before, total)]
            if b == 0:
                weights[at, i] = weight * left * outer[i]
                own = weight * (left - around[i + before])
                weights[wider - 1, i] += own
            else:
                right = around[clipped(i + b + before, total)]
                half = 0.5 * weight * (left - right) * outer[i]
                weights[at, i] = weight * (0.5 * (left + right)) * outer[i]
                weights[at + 1, i] = half
                weights[at + 2, i] = half
        at += 1 if b == 0 else 3
    if from_own > 0:
        slots[wider - 1, 1] = ZERO
        for i in range(points):
            weights[wider - 1, i] *= outer[i]
    edges, size = line.edge_slots.shape[0], line.edge_slots.shape[1]
    edge_slots, edge_weights = np.zeros((edges, size + 1, 2), np.int64), np.zeros((size + 1, edges))
    for e in range(edges):
        i = edge_place(line, e, points)
        for s in range(size):
            a, weight = line.edge_slots[e, s, 0], line.edge_weights[s, e]
            left = around[clipped(i + a + before, total)]
            edge_slots[e, s, 0] = a
            edge_weights[s, e] = weight * left * outer[i]
            own = weight * (left - around[i + before])
            edge_weights[size, e] += own
        edge_slots[e, size, 1] = ZERO
        edge_weights[size, e] *= outer[i]
    return with_weights(line, slots, weights, edge_slots, edge_weights)


@internal_njit
def chain_line(second, first, around, outer):
    """Give the stencils of ``outer (inner d^2 f + d inner d f)`` from those of both derivatives."""
    points, count, before, total = len(outer), len(second.slots), second.before, len(around)
    weights = np.empty((count, points))
    for i in range(points):
        here, slope = around[i + before], 0.0
        for s in range(count):
            there = around[clipped(i + second.slots[s, 0] + before, total)]
            slope = slope + first.weights[s, i] * (there - here)
        for s in range(count):
            weight = second.weights[s, i] * here + first.weights[s, i] * slope
            weights[s, i] = weight * outer[i]
    edges, size = second.edge_slots.shape[0], second.edge_slots.shape[1]
    edge_weights = np.empty((size, edges))
    for e in range(edges):
        i = edge_place(second, e, points)
        here, slope = around[i + before], 0.0
        for s in range(size):
            there = around[clipped(i + second.edge_slots[e, s, 0] + before, total)]
            slope = slope + first.edge_weights[s, e] * (there - here)
        for s in range(size):
            weight = second.edge_weights[s, e] * here + first.edge_weights[s, e] * slope
            edge_weights[s, e] = weight * outer[i]
    return with_weights(second, second.slots, weights, second.edge_slots, edge_weights)


@once
def balance(accuracy, ends):
    """Make the function ``(h, inner, outer)`` that gives the stencils of fluxes at equal distances.

    See ``curvilinear._balance``.
    """
    half, reach, size = np.int64(accuracy // 2), np.int64(accuracy - 1), np.int64(accuracy + 2)
    slopes, means = (np.array(weights) for weights in halfway_weights(accuracy))
    offsets = np.array([(k, 0) for k in others(-reach, 2 * reach + 1)], np.int64)
    tables = [[one_sided(size, at, order)[1] for at in range(size)] for order in (2, 1)]
    second_of, first_of = (np.array(table) for table in tables)
    is_before, is_after = (end.name == ONE_SIDED for end in ends)
    first_way, last_way = (np.int64(way_of(end)) for end in ends)
    first, last = reach * is_before, reach * is_after
    before, after = reach - first, reach - last

    def stencils(h, inner, outer):
        points = len(inner)
        around = with_ghosts(inner, before, after, first_way, last_way)
        total, square = len(around), to_power(h, 2)
        weights = np.zeros((len(offsets), points))
        for i in range(points):
            for a in range(2 * half):
                left, between = a - half, 0.0
                for b in range(2 * half):
                    place = clipped(i + before + left + 1 + b - half, total)
                    between = between + means[b] * around[place]
                for b in range(2 * half):
                    offset = left + 1 + b - half
                    if offset != 0:
                        s = offset + reach - (offset > 0)
                        weights[s, i] += slopes[a] * slopes[b] / square * between
            for s in range(len(offsets)):
                weights[s, i] *= outer[i]
        edges = first + last
        edge_slots = np.zeros((edges, size - 1, 2), np.int64)
        edge_weights = np.empty((size - 1, edges))
        for e in range(edges):
            i = e if e < first else points - last + e - first
            start = max(i - (size - 1) // 2, 0 if is_before else -reach)
            if is_after:
                start = min(start, points - size)
            here, slope, at = around[i + before], 0.0, i - start
            for s in range(size - 1):
                offset = start - i + s
                offset += offset >= 0
                edge_slots[e, s, 0] = offset
                there = around[clipped(i + offset + before, total)]
                slope = slope + first_of[at, s] / h * (there - here)
            for s in range(size - 1):
                weight = second_of[at, s] / square * here + first_of[at, s] / h * slope
                edge_weights[s, e] = weight * outer[i]
        return Stencils(
            offsets.copy(), weights, edge_slots, edge_weights, first, last, before, after
        )

    return internal_njit(named(stencils, "balance", accuracy, *map(code_of, ends)))
