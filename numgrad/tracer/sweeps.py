"""Sweeps over the graph of differentials: backward from a result, forward from an input.

Backward, each step hands its adjoint on to its sources,

    dv = f du + g dw    gives    u' += f v',    w' += g v',

where u' is the derivative of the result by u. A step is done after all that it is a source of, and
so its adjoint is complete. Forward it is the rule of `numgrad.numbers.dual.number`, and decides at
kinks and singular points as that does.
"""

from collections.abc import Callable, Iterable
from functools import reduce
from operator import add, attrgetter
from typing import Any

import numpy as np

from numgrad.numbers.dual.number import is_nan, is_zero, term
from numgrad.numbers.tape.differentials import ByTangent, Differential, Image, Map, Step
from numgrad.rules.registry import primal

Found = dict[Any, Any]  # by the steps


def steps_to(results: Iterable[Step], ends: Any = ()) -> list[Step]:
    """Return all steps that results come from, in order; beyond some ends there are none."""
    waiting, found = list(results), set()
    while waiting:
        step = waiting.pop()
        if step not in found:
            found.add(step)
            if step not in ends:
                waiting += step.sources
    return sorted(found, key=attrgetter("order"))


def backward(seeds: dict[Differential, Any], ends: Any = ()) -> Found:
    """Return the adjoints of all that some results come from, where those of the results are given.

    An adjoint is nan where it takes knowledge of what moves to tell.
    """
    adjoints: Found = dict(seeds)
    with np.errstate(all="ignore"):
        for step in reversed(steps_to(seeds, ends)):
            if step not in adjoints or step in ends:
                continue
            adjoint = adjoints[step]
            if isinstance(step, Image):
                (whole,) = step.sources
                adjoints.setdefault(whole, {})[step.position] = adjoint
                continue
            for source, each in zip(step.sources, _handed_on(step, adjoint), strict=True):
                adjoints[source] = adjoints[source] + each if source in adjoints else each
    return adjoints


def _handed_on(step: Step, adjoint: Any) -> Iterable[Any]:
    if isinstance(step, Map):
        zero = zero_like(next(iter(adjoint.values())))
        return step.pull([adjoint.get(k, zero) for k in range(step.count)])
    assert isinstance(step, Differential)
    return [product(slope, adjoint) for slope in step.slopes]


def product(slope: Any, adjoint: Any) -> Any:
    """Return the product, which is 0 where either is, unless the other is nan."""
    result = slope * adjoint
    return term(slope, adjoint) if is_nan(result) else result


def zero_like(number: Any) -> Any:
    return type(primal(number))(0)


def forward(steps: list[Step], moving: dict[Differential, Any]) -> Found:
    """Return how much steps in order move, where some inputs do and the others don't."""
    moved: Found = dict(moving)
    with np.errstate(all="ignore"):
        for step in steps:
            if not step.sources or not any(source in moved for source in step.sources):
                continue
            if isinstance(step, Image):
                moved[step] = moved[step.sources[0]][step.position]
                continue
            known = next(moved[source] for source in step.sources if source in moved)
            zero = zero_like(known)
            movements = [moved.get(source, zero) for source in step.sources]
            moved[step] = _movement(step, movements)
    return moved


def goes_forward(steps: list[Step]) -> bool:
    """Whether a sweep forward can go through all steps: some know the way back alone."""
    return all(step.push is not None for step in steps if isinstance(step, Map))


def _movement(step: Step, movements: list[Any]) -> Any:
    if isinstance(step, Map):
        assert step.push is not None  # see goes_forward
        return list(step.push(movements))
    if isinstance(step, ByTangent):
        return step.tangent(*movements)
    assert isinstance(step, Differential)
    pairs = zip(step.slopes, movements, strict=True)
    by: Callable[[Any, Any], Any] = product
    return reduce(add, [dx if step.is_steep and is_zero(dx) else by(f, dx) for f, dx in pairs])
