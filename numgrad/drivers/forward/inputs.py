"""The inputs of a pass, and the places of its results."""

import re
from dataclasses import dataclass

from numgrad.drivers.structure import (
    Leaf,
)
from numgrad.numbers.carrier import floating, is_active


@dataclass(frozen=True)
class Input:
    """A number or an array among the arguments."""

    leaf: Leaf
    name: str  # of the variable that holds it
    seeded: bool  # whether the derivative is taken with respect to it
    written: bool  # whether the function may overwrite it
    alike: bool  # whether it stands among numbers that all carry derivatives

    @property
    def in_array(self):
        """Whether the twin reads it from an array of duals."""
        return self.leaf.is_array and (self.seeded or self.written)

    @property
    def in_line(self):
        """Whether the elements of the duals lie in C order without gaps."""
        return self.leaf.kind.layout == "C" or not self.leaf.kind.ndim


def tangent_kind(tangents, leaf):
    """Return the type of the tangent of a leaf: the tangents are arranged as the arguments are."""
    places = [int(k) for k in re.findall(r"\[(\d+)\]", leaf.expression)]
    for place in places:
        tangents = tangents[place]
    return tangents


def derivative_element(output, dual):
    """Return the type of the derivatives of an output."""
    element = output.element
    return element.value if is_active(element, dual) else floating(element)


def check_place(place, element, rank):
    """Raise if the caller's array for a result can't hold it."""
    kind = place.kind
    if not place.is_array or place.element != element or kind.ndim != rank or not kind.mutable:
        raise TypeError(
            f"out must be a writable array of {element} with {rank} dimensions, not {kind}"
        )
