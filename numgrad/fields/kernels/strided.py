"""Between memory in any order and contiguous buffers in the order of the results."""

from numgrad.fields.kernels.tables import DIMENSION_LENGTH
from numgrad.targets.options import internal_njit


@internal_njit
def offset_of(position, point, dimensions, step, origin):
    """Set ``point`` to the point at a flat position; return where that point lies in memory."""
    offset = origin
    for d in range(len(dimensions) - 1, -1, -1):
        length = dimensions[d, DIMENSION_LENGTH]
        point[d] = position % length
        position //= length
        offset += point[d] * dimensions[d, step]
    return offset


@internal_njit
def next_run(run, offset, point, dimensions, step):
    """Move ``point`` on by a run of the last dimension, carrying; return the new offset."""
    d = len(dimensions) - 1
    point[d] += run
    offset += run * dimensions[d, step]
    while d > 0 and point[d] == dimensions[d, DIMENSION_LENGTH]:
        offset += dimensions[d - 1, step] - point[d] * dimensions[d, step]
        point[d] = 0
        d -= 1
        point[d] += 1
    return offset


@internal_njit
def gather(samples, origin, dimensions, step, point, start, stop, buffer, at):
    """Copy the samples at flat positions start to stop to ``buffer[at:]``."""
    offset = offset_of(start, point, dimensions, step, origin)
    last = len(dimensions) - 1
    distance = dimensions[last, step]
    while start < stop:
        run = min(dimensions[last, DIMENSION_LENGTH] - point[last], stop - start)
        target = buffer[at : at + run]
        if distance == 1:
            source = samples[offset : offset + run]
            for q in range(run):
                target[q] = source[q]
        else:
            for q in range(run):
                target[q] = samples[offset + q * distance]
        offset = next_run(run, offset, point, dimensions, step)
        start += run
        at += run


@internal_njit
def scatter(buffer, results, origin, dimensions, step, point, start, stop):
    """Copy ``buffer`` to the results at flat positions start to stop."""
    offset = offset_of(start, point, dimensions, step, origin)
    last = len(dimensions) - 1
    distance = dimensions[last, step]
    at = 0
    while start < stop:
        run = min(dimensions[last, DIMENSION_LENGTH] - point[last], stop - start)
        for q in range(run):
            results[offset + q * distance] = buffer[at + q]
        offset = next_run(run, offset, point, dimensions, step)
        start += run
        at += run


@internal_njit
def gather_neighbours(
    samples, origin, dimensions, step, point, start, stop, stride, size, reach, buffer
):
    """Fetch a block's samples and their ``reach`` neighbours on each side along one axis.

    Return ``(origin, step)`` such that the sample at flat position ``p`` stands in the buffer at
    ``p - origin`` and its k-th neighbour at ``p - origin + k * step``. The buffer holds at least
    ``2 * reach + 1`` blocks.
    """
    count = stop - start
    if stride <= count:
        # the neighbours overlap: one contiguous window
        low = max(0, start - reach * stride)
        high = min(size, stop + reach * stride)
        gather(samples, origin, dimensions, step, point, low, high, buffer, 0)
        return low, stride
    # the neighbours are apart: one piece for each, side by side
    for k in range(-reach, reach + 1):
        low = max(0, start + k * stride)
        high = min(size, stop + k * stride)
        if low < high:
            at = (reach + k) * count + low - (start + k * stride)
            gather(samples, origin, dimensions, step, point, low, high, buffer, at)
    return start - reach * count, count
