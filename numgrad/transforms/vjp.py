"""``numgrad.vjp``: the transposed Jacobian times cotangents."""

from collections.abc import Callable
from typing import Any, cast

from numba import types
from numba.extending import overload

from numgrad.drivers.transform import MAKERS, original_of
from numgrad.targets import cuda_device
from numgrad.transforms.callables import R
from numgrad.transforms.made import is_traced, made, tracer
from numgrad.transforms.products import as_tuple, check_jit, stored_by_tracer
from numgrad.transforms.tuples import OfTuples
from numgrad.twin.source import Body


class Vjp(OfTuples):
    """The value and the transposed Jacobian times cotangents, of primals and cotangents."""

    summary = "the value and the product of cotangents with the Jacobian"
    second = "cotangents"

    def implementation(self, kinds, out, hint):
        from numgrad.drivers.reverse.contraction import (
            positions_with_derivatives,
            product_function,
        )

        primals, cotangents = kinds
        if cuda_device.in_kernel():
            raise TypeError("vjp goes backward, which kernels can't: use jvp there")
        if not isinstance(primals, types.BaseTuple):
            raise TypeError(
                f"vjp: primals must be a tuple with one entry an argument, not {primals}"
            )
        by = positions_with_derivatives(self.function, primals)
        run = product_function(self.function, primals, cotangents, out, by)
        lines = [
            "_, primals, cotangents = arguments",
            "return run((None,) + primals + (cotangents,), out)",
        ]
        return Body(lines, {"run": run})


def vjp_of(f):
    """Return the transform of a function."""
    return made(Vjp, f)


def vjp(
    f: Callable[..., R],
    primals: tuple[Any, ...],
    cotangents: Any,
    out: Any = None,
    jit: bool = True,
) -> tuple[R, tuple[Any, ...]]:
    """Return the value of a function and cotangents times its Jacobian.

    Parameters
    ----------
    f : callable
        The function, plain or compiled by ``numba.njit``.
    primals : tuple
        The arguments of `f`: the point.
    cotangents : number, array or tuple of these
        A weight for each output, arranged and shaped like the result of `f`, and real where it is.
        Those of outputs without derivatives (integers, booleans, None) aren't looked at.
    out : tuple, optional
        Where to store the products, if all are arrays: one for each primal that has derivatives.
    jit : bool, optional
        Whether to compile `f`, the default. With False it is run in plain Python on numbers that
        carry derivatives, for functions that Numba can't compile: slower by far, and the same
        answers.

    Returns
    -------
    value
        What `f` returns.
    products : tuple
        One entry for each primal, shaped like it: the sum over all outputs of the cotangent times
        the derivative by the primal. None for a primal without derivatives, such as an integer.

    Raises
    ------
    TypeError
        If `primals` isn't a tuple, none of them has derivatives, the cotangents aren't arranged
        like the result, or `out` doesn't fit in number, dtype or rank.
    ValueError
        If a cotangent has another shape than its output, or `out` doesn't fit in shape.
    MemoryError
        If the tape would take more memory than `tape_limit` allows.
    DifferentiationError
        If something in `f` can't be differentiated: the message names the line.

    See Also
    --------
    jvp : the Jacobian times tangents.
    grad : the gradient of a function that returns one number.

    Notes
    -----
    The method is reverse accumulation [1]_: `f` runs once and writes down the partial derivatives
    of each operation, and one sweep backward over these gives the derivatives by all inputs, in a
    few times the time of `f`, however many there are.

    Complex products are as JAX has them: of a holomorphic function the cotangent times the
    derivative. In general, with ``u + i v`` a function of ``x + i y`` and a cotangent ``c + i d``,
    the real row ``(c, -d)`` times the real Jacobian is ``(a, b)``, and the product ``a - i b``.

    References
    ----------
    .. [1] A. Griewank and A. Walther, "Evaluating Derivatives", 2nd edition, SIAM (2008),
       chapters 3 and 6.

    Examples
    --------
    >>> import numpy as np
    >>> import numgrad
    >>> def forces(positions, stiffness):
    ...     return stiffness * np.sin(positions)
    >>> value, (by_positions, by_stiffness) = numgrad.vjp(
    ...     forces, (np.array([0.0, np.pi]), 2.0), np.array([1.0, 1.0])
    ... )
    >>> by_positions
    array([ 2., -2.])
    """
    if not jit or is_traced(f):
        tracer()
        from numgrad.tracer import cotangents as traced  # which takes time to load

        result = traced.vjp(original_of(f), as_tuple(primals), as_tuple(cotangents))
        return cast("tuple[R, tuple[Any, ...]]", stored_by_tracer(out, result))
    transform = vjp_of(f)
    given = {} if out is None else {"out": out}
    result = transform(as_tuple(primals), as_tuple(cotangents), **given)
    return cast("tuple[R, tuple[Any, ...]]", result)


@overload(vjp, inline="always")
def compiled_vjp(f, primals, cotangents, out=None, jit=True):
    if not isinstance(f, types.Dispatcher):
        return None
    check_jit(jit)
    run = vjp_of(f.dispatcher).driver()
    return lambda f, primals, cotangents, out=None, jit=True: run(primals, cotangents, out)


MAKERS.update(vjp=vjp)
Vjp.maker = staticmethod(vjp_of)
