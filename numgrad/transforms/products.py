"""``numgrad.jvp`` and ``numgrad.hvp``: derivatives along a direction."""

from collections.abc import Callable
from functools import partial
from itertools import repeat
from typing import Any, cast

import numpy as np
from numba import types
from numba.extending import overload

from numgrad.drivers import chunks
from numgrad.drivers.forward.inputs import check_place, derivative_element
from numgrad.drivers.forward.passes import Passes
from numgrad.drivers.forward.widths import FEWEST
from numgrad.drivers.modes import checked_mode, goes_backward, meaning_of
from numgrad.drivers.structure import leaves, mapped, source_of, structure_of
from numgrad.drivers.transform import MAKERS, constant_of, original_of
from numgrad.numbers.dual import parts
from numgrad.targets import cuda_compiler
from numgrad.targets.options import internal_njit
from numgrad.transforms.callables import Mode, R
from numgrad.transforms.grad import backward, grad
from numgrad.transforms.jacobian import size_of
from numgrad.transforms.made import is_traced, made, tracer
from numgrad.transforms.tuples import OfTuples
from numgrad.twin.source import Body, function_of

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


class Jvp(OfTuples):
    """The value and the derivative along a direction, of primals and tangents."""

    summary = "the value and the directional derivative"
    second = "tangents"
    with_value = True

    def implementation(self, kinds, out, hint):
        primals, tangents = kinds
        for name, kind in (("primals", primals), ("tangents", tangents)):
            if not isinstance(kind, types.BaseTuple):
                raise TypeError(
                    f"jvp: {name} must be a tuple with one entry an argument, not {kind}"
                )
        if len(primals) != len(tangents):
            raise TypeError(f"jvp: {len(primals)} primals, but {len(tangents)} tangents")
        passes = JvpPasses(
            self.function, tuple(primals), tuple(tangents), out, with_value=self.with_value
        )
        run = internal_njit(function_of("jvp", "arguments, tangents, out", passes.implementation()))
        lines = [
            "_, primals, tangents = arguments",
            "return run((None,) + primals, (None,) + tangents, out)",
        ]
        return Body(lines, {"run": run})


class Tangent(Jvp):
    """The derivative along a direction alone."""

    summary = "the directional derivative"
    with_value = False


def jvp_of(f):
    """Return the transform of a function."""
    return made(Jvp, f)


def tangent_of(f):
    """Return the transform of a function that leaves out the value."""
    return made(Tangent, f)


def jvp(
    f: Callable[..., R],
    primals: tuple[Any, ...],
    tangents: tuple[Any, ...],
    out: Any = None,
    jit: bool = True,
) -> tuple[R, Any]:
    """Return the value of a function and its derivative along a direction.

    Parameters
    ----------
    f : callable
        The function, plain or compiled by ``numba.njit``.
    primals : tuple
        The arguments of `f`: the point.
    tangents : tuple
        The direction: for each argument a tangent of the same arrangement and shape, or None for
        an argument that is not differentiated by.
    out : tuple, optional
        Where to store the arrays of the result: a value and a tangent, arranged as the result is,
        with None in the place of what is no array. Compiled code then allocates nothing.
    jit : bool, optional
        Whether to compile `f`, the default. With False it is run in plain Python on numbers that
        carry derivatives, for functions that Numba can't compile: slower by far, and the same
        answers.

    Returns
    -------
    value
        What `f` returns.
    tangent
        The directional derivative, arranged like the value. Outputs without derivatives (integers,
        booleans, None) have None.

    Raises
    ------
    TypeError
        If `primals` or `tangents` isn't a tuple, they differ in length, a tangent isn't arranged
        like its primal, a primal with a tangent holds no floats, or `out` doesn't fit in number,
        dtype or rank.
    ValueError
        If a tangent has another shape than its primal, or `out` doesn't fit in shape.
    DifferentiationError
        If something in `f` can't be differentiated: the message names the line.

    Notes
    -----
    One pass with one partial, whatever the number of inputs: the Jacobian times the tangents.

    Examples
    --------
    >>> import numpy as np
    >>> import numgrad
    >>> numgrad.jvp(lambda x, y: x * np.sin(y), (2.0, 0.0), (1.0, 1.0))
    (0.0, 2.0)
    """
    if not jit or is_traced(f):
        if isinstance(tangents, tuple | list) and tangents and have_no_direction(*tangents):
            raise TypeError(NO_DIRECTION)
        result = tracer().jvp(original_of(f), as_tuple(primals), as_tuple(tangents))
        result = stored_by_tracer(out, result)
    else:
        result = called(jvp_of(f), primals, tangents, out)
    return cast("tuple[R, Any]", result)


def called(transform, primals, tangents, out):
    """The result of a call of a transform from Python."""
    given = {} if out is None else {"out": out}
    return transform(as_tuple(primals), as_tuple(tangents), **given)


def have_no_direction(*tangents):
    """Whether there is no tangent at all."""
    return all(tangent is None for tangent in tangents)


def as_tuple(items):
    return tuple(items) if isinstance(items, list) else items


def hvp(
    f: Callable[..., Any],
    x: Any,
    v: Any,
    out: Any = None,
    mode: Mode = "auto",
    jit: bool = True,
) -> Any:
    """Return the Hessian of a real-valued function times a vector.

    Parameters
    ----------
    f : callable
        The function of one argument, plain or compiled by ``numba.njit``; it returns one real
        number.
    x : float, array or tuple of these
        The point.
    v : float, array or tuple of these
        The vector, of the same arrangement and shape.
    out : array or tuple of arrays, optional
        Where to store the product, if it is made of arrays. Compiled code then allocates nothing.
    mode : {"auto", "forward", "reverse"}, optional
        How to compute the gradient, which is then differentiated along `v` in forward mode: see
        `grad`.
    jit : bool, optional
        Whether to compile `f`, the default. With False it is run in plain Python on numbers that
        carry derivatives, for functions that Numba can't compile: slower by far, and the same
        answers.

    Returns
    -------
    float, array or tuple of these
        The product, shaped like `x`.

    Raises
    ------
    TypeError, ValueError, DifferentiationError
        As `jvp` and `grad`.

    Notes
    -----
    It is the derivative of the gradient along `v`. The Hessian is never formed.

    Examples
    --------
    >>> import numpy as np
    >>> import numgrad
    >>> x, v = np.array([1.0, 2.0]), np.array([1.0, 0.0])
    >>> numgrad.hvp(lambda x: x[0] ** 2 * x[1], x, v)
    array([4., 2.])
    """
    if not jit or is_traced(f):
        result = jvp(grad(f, mode=mode, jit=False), (x,), (v,), jit=False)[1]
        return stored_by_tracer(out, result)
    gradient = grad(f, mode=checked_mode(mode))
    if mode == "auto":
        is_long = goes_backward(meaning_of(mode), size_of(x), FEWEST)
        gradient = backward(f) if is_long else grad(f, mode="forward")
    return called(tangent_of(gradient), (x,), (v,), out)


def stored_by_tracer(out, result):
    """Return a result of the tracer, stored where there are places for it."""
    from numgrad.tracer.outcomes import stored  # which takes time to load

    return stored(out, result)


def check_jit(jit):
    """Raise if compiled code asks for a derivative that isn't."""
    if jit is not True and constant_of(jit) is not True:
        raise TypeError("jit=False is for Python, not compiled code")


@overload(jvp, inline="always")
def compiled_jvp(f, primals, tangents, out=None, jit=True):
    if not isinstance(f, types.Dispatcher):
        return None
    check_jit(jit)
    run = jvp_of(f.dispatcher).driver()
    return lambda f, primals, tangents, out=None, jit=True: run(primals, tangents, out)


@overload(hvp, inline="always", prefer_literal=True)
def compiled_hvp(f, x, v, out=None, mode="auto", jit=True):
    if not isinstance(f, types.Dispatcher):
        return None
    check_jit(jit)
    run = tangent_of(grad(f.dispatcher, mode=constant_of(mode))).driver()
    return lambda f, x, v, out=None, mode="auto", jit=True: run((x,), (v,), out)


cuda_compiler.DEFINERS.append(partial(cuda_compiler.define, jvp, compiled_jvp))
cuda_compiler.DEFINERS.append(partial(cuda_compiler.define, hvp, compiled_hvp))

MAKERS.update(jvp=jvp, hvp=hvp)
Jvp.maker = staticmethod(jvp_of)
Tangent.maker = staticmethod(tangent_of)
