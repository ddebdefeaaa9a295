"""``numgrad.jvp`` and ``numgrad.hvp``: derivatives along a direction."""

import inspect
from collections.abc import Callable
from typing import Any

from numba import types
from numba.extending import overload

from numgrad.duals import parts
from numgrad.duals.numba_rules import part
from numgrad.transforms import chunks
from numgrad.transforms.grad import grad
from numgrad.transforms.passes import Passes, derivative_element
from numgrad.transforms.source import Body, function_of
from numgrad.transforms.structure import leaves, mapped, source_of, structure_of
from numgrad.transforms.transform import Transform, constant_of, is_traced, made, original_of


class JvpPasses(Passes):
    """The one pass along a direction."""

    def __init__(self, function, kinds, tangents):
        argnums = tuple(
            k for k, tangent in enumerate(tangents) if not isinstance(tangent, types.NoneType)
        )
        check_alike(function, [kinds[k] for k in argnums], [tangents[k] for k in argnums])
        super().__init__(function, kinds, argnums, tangents=(types.none, *tangents))

    def implementation(self):
        """Return the body of a function of ``arguments`` and ``tangents``."""
        self.check_shapes()
        self.prepare()
        self.evaluate(1, first=True)
        outputs = self.outputs()
        names = {}
        for k, output in enumerate(leaves(outputs)):
            names[output] = self._take_apart(k, output)
        self.restore()
        value, tangent = (
            source_of(
                mapped(lambda each, part=part: self.if_there(each, names[each][part]), outputs)
            )
            for part in (0, 1)
        )
        return self.body(f"{value}, {tangent}")

    def check_shapes(self):
        """Compare the shapes of arrays with those of their tangents."""
        check = self.name(check_tangent_shape, "check_tangent_shape")
        for each in self.seeded:
            if each.leaf.is_array:
                tangent = each.leaf.expression.replace("arguments", "tangents", 1)
                self.add(f"{check}({each.leaf.expression}.shape, {tangent}.shape)")

    def _take_apart(self, k, output):
        """Return the sources of an output's value and tangent."""
        value_at, dual = self.name(parts.value_at, "value_at"), self.name(self.dual, "dual")
        partial_at = self.name(parts.partial_at, "partial_at")
        if not output.is_array:
            number = output.expression
            tangent = f"{partial_at}({dual}, {number}, 0)" if output.is_floating else "None"
            return f"{value_at}({dual}, {number})", tangent
        if not output.is_floating:
            return output.expression, "None"
        element = self.name(derivative_element(output, self.dual), "element")
        allocate = self.name(chunks.allocate, "allocate")
        line = types.Array(output.element, output.kind.ndim, "C")
        for name in (f"value{k}", f"tangent{k}"):
            self.add(
                f"{name} = {allocate}({output.expression}.shape, {element})",
                f"{name}_flat = {self.flat(line, name)}",
            )
        self.add(f"numbers{k} = {self.flat(output.kind, output.expression)}")
        self.add(f"for k in range(numbers{k}.size):")
        self.add(
            f"value{k}_flat[k] = {value_at}({dual}, numbers{k}[k])",
            f"tangent{k}_flat[k] = {partial_at}({dual}, numbers{k}[k], 0)",
            indent=2,
        )
        return f"value{k}", f"tangent{k}"


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


@part
def check_tangent_shape(primal, tangent):
    """Raise if an array and its tangent have different shapes."""
    if primal != tangent:
        raise ValueError("jvp: a tangent has not the shape of its primal")


class Jvp(Transform):
    """The value and the derivative along a direction, of primals and tangents."""

    summary = "the value and the directional derivative"

    def __init__(self, function):
        super().__init__(function)
        self.parameters = list(
            inspect.signature(lambda primals, tangents: None).parameters.values()
        )

    def implementation(self, kinds, out, hint):
        primals, tangents = kinds
        for name, kind in (("primals", primals), ("tangents", tangents)):
            if not isinstance(kind, types.BaseTuple):
                raise TypeError(
                    f"jvp: {name} must be a tuple with one entry an argument, not {kind}"
                )
        if len(primals) != len(tangents):
            raise TypeError(f"jvp: {len(primals)} primals, but {len(tangents)} tangents")
        passes = JvpPasses(self.function, tuple(primals), tuple(tangents))
        run = part(function_of("jvp", "arguments, tangents", passes.implementation()))
        lines = [
            "_, primals, tangents = arguments",
            "return run((None,) + primals, (None,) + tangents)",
        ]
        return Body(lines, {"run": run})


def jvp_of(f):
    """Return the transform of a function."""
    return made(Jvp, f)


def jvp(
    f: Callable[..., Any], primals: tuple[Any, ...], tangents: tuple[Any, ...], jit: bool = True
) -> Any:
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
        like its primal, or a primal with a tangent holds no floats.
    ValueError
        If a tangent has another shape than its primal.
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
        from numgrad.tracer import derivatives  # which stands above this in the house

        return derivatives.jvp(original_of(f), as_tuple(primals), as_tuple(tangents))
    return jvp_of(f)(as_tuple(primals), as_tuple(tangents))


def as_tuple(items):
    return tuple(items) if isinstance(items, list) else items


def hvp(f: Callable[..., Any], x: Any, v: Any, jit: bool = True) -> Any:
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
    return jvp(grad(f, jit=jit), (x,), (v,))[1]


def check_jit(jit):
    """Raise if compiled code asks for a derivative that isn't."""
    if jit is not True and constant_of(jit) is not True:
        raise TypeError("jit=False is for Python, not compiled code")


@overload(jvp, inline="always")
def compiled_jvp(f, primals, tangents, jit=True):
    if not isinstance(f, types.Dispatcher):
        return None
    check_jit(jit)
    run = jvp_of(f.dispatcher).driver()
    return lambda f, primals, tangents, jit=True: run(primals, tangents)


@overload(hvp, inline="always")
def compiled_hvp(f, x, v, jit=True):
    if not isinstance(f, types.Dispatcher):
        return None
    check_jit(jit)
    run = jvp_of(grad(f.dispatcher)).driver()
    return lambda f, x, v, jit=True: run((x,), (v,))[1]


Jvp.maker = staticmethod(jvp_of)
