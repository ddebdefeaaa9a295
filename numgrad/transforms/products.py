"""``numgrad.jvp`` and ``numgrad.hvp``: derivatives along a direction."""

from collections.abc import Callable
from functools import partial
from typing import Any, cast

from numba import types
from numba.extending import overload

from numgrad.drivers.floats import Conversion, arrays_of_lists
from numgrad.drivers.forward.widths import FEWEST
from numgrad.drivers.modes import REVERSE, checked_mode, goes_backward, meaning_of
from numgrad.drivers.transform import MAKERS, constant_of, original_of
from numgrad.numbers.carrier import is_none
from numgrad.targets import cuda_compiler
from numgrad.targets.options import internal_njit
from numgrad.transforms.callables import Mode, R
from numgrad.transforms.grad import Grad, backward, grad
from numgrad.transforms.jacobian import size_of
from numgrad.transforms.made import is_traced, made, tracer
from numgrad.transforms.tuples import OfTuples
from numgrad.twin.source import Body, function_of


class Jvp(OfTuples):
    """The value and the derivative along a direction, of primals and tangents."""

    summary = "the value and the directional derivative"
    second = "tangents"
    with_value = True

    def hint(self, arguments):
        """How a gradient that is differentiated goes, which its arguments tell: one way is enough.

        Forward it has one of two widths, for few inputs and for more.
        """
        if not (isinstance(self.original, Grad) and arguments and type(arguments[0]) is tuple):
            return None
        inputs = self.original.count_inputs(arguments[0])
        if inputs is None:
            return None
        if goes_backward(self.original.mode, inputs, self.original.forward_up_to):
            return REVERSE
        return FEWEST // 2 if inputs <= FEWEST // 2 else FEWEST

    def implementation(self, kinds, out, hint):
        from numgrad.drivers.forward.along import JvpPasses  # which takes time to load

        primals, tangents = kinds
        for name, kind in (("primals", primals), ("tangents", tangents)):
            if not isinstance(kind, types.BaseTuple):
                raise TypeError(
                    f"jvp: {name} must be a tuple with one entry an argument, not {kind}"
                )
        if len(primals) != len(tangents):
            raise TypeError(f"jvp: {len(primals)} primals, but {len(tangents)} tangents")
        moving = [k for k, kind in enumerate(tangents) if not is_none(kind)]
        written = super(OfTuples, self).written((primals,)) if moving else ()
        at = Conversion(primals, [k for k in moving if k not in written])
        along = Conversion(tangents, moving)
        function = self.function if hint is None else self.original.driver(hint)
        passes = JvpPasses(function, at.kinds, along.kinds, out, with_value=self.with_value)
        run = internal_njit(function_of("jvp", "arguments, tangents, out", passes.implementation()))
        lines = [
            "_, primals, tangents = arguments",
            "arguments = (None,) + primals",
            *at.lines(),
            "primals, arguments = arguments, (None,) + tangents",
            *along.lines(),
            "return run(primals, arguments, out)",
        ]
        return Body(lines, {"run": run} | at.names | along.names)


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
    *args: Any,
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
    *args
        Further arguments of `f`, behind the primals, which are not differentiated by.
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
    if args:
        primals, tangents = with_constants(primals, tangents, args)
    if not jit or is_traced(f):
        from numgrad.drivers.forward.along import NO_DIRECTION

        if isinstance(tangents, tuple | list) and tangents and have_no_direction(*tangents):
            raise TypeError(NO_DIRECTION)
        result = tracer().jvp(original_of(f), as_tuple(primals), as_tuple(tangents))
        result = stored_by_tracer(out, result)
    else:
        result = called(jvp_of(f), primals, tangents, out)
    return cast("tuple[R, Any]", result)


def with_constants(primals, tangents, constants):
    """Return primals and tangents with arguments that are not differentiated by behind them."""
    for name, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, tuple | list):
            kind = type(given).__name__
            raise TypeError(f"jvp: {name} must be a tuple with one entry an argument, not {kind}")
    return (*primals, *constants), (*tangents, *[None] * len(constants))


def called(transform, primals, tangents, out):
    """The result of a call of a transform from Python."""
    given = {} if out is None else {"out": out}
    return transform(of_arrays(primals), of_arrays(tangents), **given)


def have_no_direction(*tangents):
    """Whether there is no tangent at all."""
    return all(tangent is None for tangent in tangents)


def as_tuple(items):
    return tuple(items) if isinstance(items, list) else items


def of_arrays(items):
    """Return a tuple with arrays in the place of lists."""
    items = as_tuple(items)
    if isinstance(items, tuple) and list in map(type, items):
        return arrays_of_lists(items, range(len(items)))
    return items


def hvp(
    f: Callable[..., Any],
    x: Any,
    v: Any,
    *args: Any,
    out: Any = None,
    mode: Mode = "auto",
    jit: bool = True,
) -> Any:
    """Return the Hessian of a real-valued function times a vector.

    Parameters
    ----------
    f : callable
        The function, plain or compiled by ``numba.njit``; it returns one real number.
    x : float, array or tuple of these
        The point.
    v : float, array or tuple of these
        The vector, of the same arrangement and shape.
    *args
        Further arguments of `f`, which are not differentiated by.
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

    As SciPy's minimizers call it, with what they are given as ``args=`` behind:

    >>> from functools import partial
    >>> product = partial(numgrad.hvp, lambda x, scale: scale * x[0] ** 2 * x[1])
    >>> product(x, v, 10.0)
    array([40., 20.])
    """
    primals, tangents = with_constants((x,), (v,), args)
    if not jit or is_traced(f):
        result = jvp(grad(f, mode=mode, jit=False), primals, tangents, jit=False)[1]
        return stored_by_tracer(out, result)
    gradient = grad(f, mode=checked_mode(mode))
    if mode == "auto":
        is_long = goes_backward(meaning_of(mode), size_of(x), FEWEST)
        gradient = backward(f) if is_long else grad(f, mode="forward")
    return called(tangent_of(gradient), primals, tangents, out)


def stored_by_tracer(out, result):
    """Return a result of the tracer, stored where there are places for it."""
    from numgrad.tracer.outcomes import stored  # which takes time to load

    return stored(out, result)


def check_jit(jit):
    """Raise if compiled code asks for a derivative that isn't."""
    if jit is not True and constant_of(jit) is not True:
        raise TypeError("jit=False is for Python, not compiled code")


# With as many parameters as a call has constants: Numba takes none after *args.


def product_function(run, parameters, primals, tangents, count, settings):
    """Return the function that a call in compiled code stands for."""
    constants = [f"constant{k}" for k in range(count)]
    header = ", ".join(["f", parameters, *constants, settings])
    primals = "".join([primals, *(f" + ({name},)" for name in constants)])
    line = f"return run({primals}, {tangents}{' + (None,)' * count}, out)"
    return function_of("product", header, Body([line], {"run": run}))


@overload(jvp, inline="always", strict=False)
def compiled_jvp(f, primals, tangents, *args, out=None, jit=True):
    if not isinstance(f, types.Dispatcher):
        return None
    check_jit(jit)
    run = jvp_of(f.dispatcher).driver()
    settings = "out=None, jit=True"
    return product_function(run, "primals, tangents", "primals", "tangents", len(args), settings)


@overload(hvp, inline="always", prefer_literal=True, strict=False)
def compiled_hvp(f, x, v, *args, out=None, mode="auto", jit=True):
    if not isinstance(f, types.Dispatcher):
        return None
    check_jit(jit)
    run = tangent_of(grad(f.dispatcher, mode=constant_of(mode))).driver()
    settings = "out=None, mode='auto', jit=True"
    return product_function(run, "x, v", "(x,)", "(v,)", len(args), settings)


cuda_compiler.DEFINERS.append(partial(cuda_compiler.define, jvp, compiled_jvp))
cuda_compiler.DEFINERS.append(partial(cuda_compiler.define, hvp, compiled_hvp))

MAKERS.update(jvp=jvp, hvp=hvp)
Jvp.maker = staticmethod(jvp_of)
Tangent.maker = staticmethod(tangent_of)
