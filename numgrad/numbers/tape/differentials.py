"""Differentials: what stands in the place of the partials of a number in reverse mode, in Python.

The differential of a number is a sum over the numbers that it was computed from,

    dv = f du + g dw + ...

in which each is kept with its slope, and those with theirs. So a number holds the graph of what it
was computed from, and nothing is kept of what leads to no result. Sweeps go over the graph
(`numgrad.tracer.sweeps`): backward by all inputs at once, or forward by one of them.

All of them are real. The differential of a complex number is a pair.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from numgrad.rules.registry import Rule, primal

_orders = itertools.count()


class Step:
    """What has sources, and comes after all of them: a differential, or a map of several."""

    __slots__ = ("order", "sources")

    sources: tuple[Any, ...]

    def __init__(self, sources: tuple[Any, ...]) -> None:
        self.order = next(_orders)
        self.sources = sources


class Differential(Step):
    """The differential of a real number; one without sources is that of an input."""

    __slots__ = ("is_steep", "slopes")

    def __init__(
        self,
        sources: tuple["Differential", ...] = (),
        slopes: tuple[Any, ...] = (),
        is_steep: bool = False,
    ) -> None:
        super().__init__(sources)
        self.slopes = slopes
        self.is_steep = is_steep  # whether what doesn't move moves nothing, whatever the slope

    def __repr__(self) -> str:
        return f"d{self.order}"

    @property
    def real(self) -> "Differential":
        return self

    @property
    def imag(self) -> "Differential":
        return ZERO


class ByTangent(Differential):
    """The differential of a function that is known by its tangents, one of which is exact."""

    __slots__ = ("tangent",)

    def __init__(
        self, sources: tuple[Differential, ...], slopes: tuple[Any, ...], tangent: Any
    ) -> None:
        super().__init__(sources, slopes)
        self.tangent: Callable[..., Any] = tangent


class Map(Step):
    """A function of differentials: their images, and the way back, are computed all at once."""

    __slots__ = ("count", "pull", "push")

    def __init__(
        self,
        sources: Sequence[Differential],
        count: int,
        push: Callable[[list[Any]], Sequence[Any]] | None,
        pull: Callable[[list[Any]], Sequence[Any]],
    ) -> None:
        super().__init__(tuple(sources))
        self.count = count  # of the images
        self.push = push  # what the images are where the sources are some numbers, if that's known
        self.pull = pull  # the adjoints of the sources where those of the images are some

    @property
    def images(self) -> list["Image"]:
        return [Image(self, k) for k in range(self.count)]


class Image(Differential):
    """One of the results of a map."""

    __slots__ = ("position",)

    def __init__(self, of: Map, position: int) -> None:
        super().__init__()
        self.sources = (of,)
        self.position = position


class ComplexDifferential:
    """The differential of a complex number: those of its parts."""

    __slots__ = ("imag", "real")

    def __init__(self, real: Differential, imag: Differential) -> None:
        self.real = real
        self.imag = imag

    def __repr__(self) -> str:
        return f"({self.real!r}, {self.imag!r})"


ZERO = Differential()  # of a constant
KINDS = (Differential, ComplexDifferential)


def are_differentials(partials: tuple[Any, ...]) -> bool:
    """Whether partials are those of reverse mode, of which there is one."""
    return isinstance(partials[0], KINDS)


def in_precision(differential: Any, dtype: np.dtype[Any]) -> Any:
    """Return a differential as that of a number of a dtype."""
    is_complex = isinstance(differential, ComplexDifferential)
    if dtype.kind == "c" and not is_complex:
        return ComplexDifferential(differential, ZERO)
    if dtype.kind != "c" and is_complex:
        raise TypeError("a Dual with a real value has real partials")
    return differential


def linear_sum(terms: Sequence[tuple[Any, Any]], is_steep: bool = False) -> Any:
    """Return the differential that is a sum of slopes times differentials."""
    if not any(isinstance(dx, ComplexDifferential) or _is_complex(f) for f, dx in terms):
        return _real_sum(terms, is_steep)
    real, imag = [], []
    for f, dx in terms:
        re, im = (f.real, f.imag) if _is_complex(f) else (f, None)
        real.append((re, dx.real))
        imag.append((re, dx.imag))
        if im is not None:
            real.append((-im, dx.imag))
            imag.append((im, dx.real))
    return ComplexDifferential(_real_sum(real, is_steep), _real_sum(imag, is_steep))


def _real_sum(terms: Sequence[tuple[Any, Any]], is_steep: bool) -> Differential:
    moving = [(f, dx) for f, dx in terms if dx is not ZERO]
    if not moving:
        return ZERO
    slopes, sources = zip(*moving, strict=True)
    return Differential(sources, slopes, is_steep)


def by_tangents(rule: Rule, value: Any, differential: Any) -> tuple[Any, Any]:
    """Return the value and the differential of a function that has a tangent and no slope.

    It is linear in the parts of its argument, so that its tangents along the two tell it; but at a
    kink it may depend on the very tangent.
    """
    one = type(primal(value))(1)
    parts = [(differential.real, one)]
    if isinstance(differential, ComplexDifferential):
        parts.append((differential.imag, one * 1j))
    body = rule.apart or rule.body
    of_parts = [(dx, *body(value, unit)) for dx, unit in parts]
    result = of_parts[0][1]
    moving = [(dx, tangent) for dx, _, tangent in of_parts if dx is not ZERO]
    if not moving:
        return result, ZERO
    units = [unit for dx, unit in parts if dx is not ZERO]

    def along(*movements: Any) -> Any:
        terms = [unit * moved for unit, moved in zip(units, movements, strict=True)]
        return rule.body(value, sum(terms[1:], start=terms[0]))[1]

    sources = tuple(dx for dx, _ in moving)

    def part(take: Callable[[Any], Any]) -> Differential:
        slopes = tuple(take(tangent) for _, tangent in moving)
        return ByTangent(sources, slopes, lambda *moved: take(along(*moved)))

    if not any(_is_complex(each) for each in (result, *(tangent for _, tangent in moving))):
        return result, part(lambda tangent: tangent)
    return result, ComplexDifferential(part(lambda t: t.real), part(lambda t: t.imag))


def _is_complex(x: Any) -> bool:
    return isinstance(primal(x), complex | np.complexfloating)


def mapped(
    differentials: Sequence[Any],
    complex_images: bool,
    count: int,
    push: Callable[[list[Any]], Sequence[Any]],
    pull: Callable[[list[Any]], Sequence[Any]],
) -> list[Any]:
    """Return the differentials of what is computed by a real-linear map of numbers.

    Both ways it takes lists of numbers, of which those of reals are real; back it goes by the
    adjoint map, the conjugate transpose where it is a matrix.
    """
    sources: list[Differential] = []
    places: list[tuple[int, bool]] = []  # which number, and whether it is the imaginary part
    for k, dx in enumerate(differentials):
        for part, is_imaginary in ((dx.real, False), (dx.imag, True)):
            if part is not ZERO:
                sources.append(part)
                places.append((k, is_imaginary))
    if not sources:
        return [ZERO] * count
    size = len(differentials)

    def pushed(movements: list[Any]) -> list[Any]:
        numbers: list[Any] = [0.0] * size
        for (k, is_imaginary), moved in zip(places, movements, strict=True):
            numbers[k] = _complex_of(numbers[k], moved) if is_imaginary else moved
        images = push(numbers)
        if not complex_images:
            return list(images)
        return [each.real for each in images] + [each.imag for each in images]

    def pulled(adjoints: list[Any]) -> list[Any]:
        numbers = adjoints
        if complex_images:
            numbers = list(map(_complex_of, adjoints[:count], adjoints[count:]))
        results = pull(numbers)
        return [results[k].imag if is_imaginary else results[k].real for k, is_imaginary in places]

    images: list[Any] = Map(sources, count * (2 if complex_images else 1), pushed, pulled).images
    if not complex_images:
        return images
    return list(map(ComplexDifferential, images[:count], images[count:]))


def _complex_of(real: Any, imag: Any) -> Any:
    """Return the complex number of two parts: plain ones may be infinite."""
    if isinstance(real, float | np.floating) and isinstance(imag, float | np.floating):
        return np.result_type(real, imag, np.complex64).type(complex(real, imag))
    return real + imag * 1j
