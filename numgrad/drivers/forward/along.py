"""The one pass along a direction: values and tangents of all results."""

from functools import partial
from itertools import repeat

import numpy as np
from numba import types

from numgrad.drivers import chunks
from numgrad.drivers.forward.inputs import check_place, derivative_element
from numgrad.drivers.forward.passes import Passes
from numgrad.drivers.structure import leaves, mapped, source_of, structure_of
from numgrad.numbers.dual import parts
from numgrad.targets.options import internal_njit
from numgrad.twin.source import function_of

NO_DIRECTION = (
    "jvp: every tangent is None, so that there is no direction; pass a tangent for what is moved"
)


class JvpPasses(Passes):
    """The one pass along a direction."""

    others = "tangents"

    def __init__(self, function, kinds, tangents, out=None, *, with_value=True, careful=False):
        self.directions = tangents
        argnums = tuple(
            k for k, tangent in enumerate(tangents) if not isinstance(tangent, types.NoneType)
        )
        if not argnums:
            raise TypeError(NO_DIRECTION)
        check_alike(function, [kinds[k] for k in argnums], [tangents[k] for k in argnums])
        super().__init__(
            function, kinds, argnums, tangents=(types.none, *tangents), careful=careful
        )
        self.of_outputs = self.outputs()
        self.sides = {"value": parts.value_at, "tangent": parts.partial_at}
        if not with_value:
            del self.sides["value"]
        self.out = None if out is None else self._checked_out(out)

    @property
    def returns_arrays(self):
        return any(output.is_array for output in leaves(self.of_outputs))

    def _checked_out(self, out):
        """Return the places for arrays among the results: first of the value, then the tangent."""
        expected = [output for output in leaves(self.of_outputs) if is_stored(output)]
        expected *= len(self.sides)
        places = leaves(structure_of("out", out))
        if len(places) != len(expected) or not places:
            raise TypeError(
                f"out must hold one array for each of the {len(expected)} arrays of the result, "
                f"arranged as the result is, and not be {out}"
            )
        for place, output in zip(places, expected, strict=True):
            check_place(place, derivative_element(output, self.dual), output.kind.ndim)
        return places

    def implementation(self):
        """Return the body of a function of ``arguments``, ``tangents`` and ``out``."""
        self._compute()
        self.take_care(self._found())
        self.restore()
        results = [
            source_of(mapped(partial(self._result, side), self.of_outputs)) for side in self.sides
        ]
        return self.body(", ".join(results))

    def careful(self):
        return partial(careful_function, self.function, self.kinds, self.directions)

    def again(self):
        """The body of a function of the arguments and ``results``, which it fills."""
        self._compute()
        return self.filling(self._found())

    def _found(self):
        """Return the names of the tangents, and whether they are arrays."""
        arrays = [(f"tangent{k}", True) for k in range(len(self.stored))]
        return arrays + [(name, False) for name in self.numbers]

    def _compute(self):
        """Add the pass, and what takes its results to their places."""
        self.check_unshared()
        self.check_out(self.out or ())
        self.check_shapes()
        self.prepare()
        self.save(False)
        if self.is_watched:
            self.add("lacking = False")
        self.evaluate(1, first=True)
        self.stored = stored = [output for output in leaves(self.of_outputs) if is_stored(output)]
        self.places = {
            (side, output): place
            for (side, output), place in zip(
                [(side, output) for side in self.sides for output in stored],
                self.out or repeat(None, len(stored) * len(self.sides)),
                strict=True,
            )
        }
        for (side, output), place in self.places.items():
            self._allocate(f"{side}{stored.index(output)}", output, place)
        for k, output in enumerate(stored):
            self._take_apart(k, output)
        floats = [output for output in leaves(self.of_outputs) if output.is_floating]
        self.numbers = {f"t{k}": o for k, o in enumerate(floats) if not o.is_array}
        for name, output in self.numbers.items():
            self.watch(output.expression, 1)
            self.add(f"{name} = {self._side('tangent', output.expression)}")

    def check_shapes(self):
        """Compare the shapes of arrays with those of their tangents."""
        check = self.name(check_tangent_shape, "check_tangent_shape")
        for each in self.seeded:
            if each.leaf.is_array:
                tangent = each.leaf.expression.replace("arguments", "tangents", 1)
                self.add(f"{check}({each.leaf.expression}.shape, {tangent}.shape)")

    def _allocate(self, name, output, place):
        """Give an array of the result its memory: the caller's or new."""
        shape = f"{output.expression}.shape"
        if place is not None:
            check = self.name(chunks.check_shape, "check_shape")
            self.add(f"{check}({place.expression}.shape, {shape})", f"{name} = {place.expression}")
        else:
            allocate = self.name(chunks.allocate, "allocate")
            element = self.name(derivative_element(output, self.dual), "element")
            self.add(f"{name} = {allocate}({shape}, {element})")

    def _take_apart(self, k, output):
        """Store an array's values and tangents."""
        if all(
            place is None or place.kind.layout == "C"
            for place in (self.places[side, output] for side in self.sides)
        ):
            line = types.Array(output.element, output.kind.ndim, "C")
            for side in self.sides:
                self.add(f"{side}{k}_line = {self.flat(line, f'{side}{k}')}")
            self.add(f"numbers{k} = {self.flat(output.kind, output.expression)}")
            self.add(f"for k in range(numbers{k}.size):")
            names, number = [f"{side}{k}_line[k]" for side in self.sides], f"numbers{k}[k]"
        else:
            self.add(f"for k, number in {self.name(np.ndenumerate, 'each')}({output.expression}):")
            names, number = [f"{side}{k}[k]" for side in self.sides], "number"
        self.watch(number, 2)
        for side, name in zip(self.sides, names, strict=True):
            self.add(f"{name} = {self._side(side, number)}", indent=2)

    def _side(self, side, number):
        """Return the source of a number's value or tangent."""
        function, dual = self.name(self.sides[side], side), self.name(self.dual, "dual")
        return f"{function}({dual}, {number}{', 0' if side == 'tangent' else ''})"

    def _result(self, side, output):
        """Return the source of the value or the tangent of an output, or None if it isn't there."""
        return self.if_there(output, self._part(side, output))

    def _part(self, side, output):
        if is_stored(output):
            return f"{side}{self.stored.index(output)}"
        if side == "tangent":
            return next((name for name, number in self.numbers.items() if number == output), "None")
        return output.expression if output.is_array else self._side(side, output.expression)


def careful_function(function, kinds, tangents):
    """Return the function that makes the same pass with care."""
    passes = JvpPasses(function, kinds, tangents, with_value=False, careful=True)
    return internal_njit(function_of("again", "arguments, tangents, results", passes.again()))


def is_stored(output):
    """Whether an output is an array whose values and tangents are taken apart."""
    return output.is_array and output.is_floating


def check_alike(function, kinds, tangents):
    """Raise if tangents are not arranged as the primals are."""
    name = function.py_func.__name__
    for primal, tangent in zip(kinds, tangents, strict=True):
        places = [leaves(structure_of("", kind)) for kind in (primal, tangent)]
        alike = len(places[0]) == len(places[1]) and all(
            (a.kind.ndim if a.is_array else 0) == (b.kind.ndim if b.is_array else 0)
            and a.is_array == b.is_array
            for a, b in zip(*places, strict=True)
        )
        if not alike:
            raise TypeError(
                f"jvp of {name}: the tangent of a primal of type {primal} must be arranged like "
                f"it, but it is of type {tangent}"
            )


@internal_njit
def check_tangent_shape(primal, tangent):
    """Raise if an array and its tangent have different shapes."""
    if primal != tangent:
        raise ValueError("jvp: a tangent has not the shape of its primal")
