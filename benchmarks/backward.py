"""What a problem of reverse mode is: a derivative, its function, and JAX's derivative.

A derivative is compared with the one written by hand, or with forward mode in a direction, and with
JAX's where it is installed.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

import numgrad
from benchmarks.problems import Problem, loaded_jax, parts


@dataclass(frozen=True)
class Backward(Problem):
    """A derivative in reverse mode."""

    function: object = None

    def check(self):
        """Raise if the derivative isn't that of forward mode in a direction, or isn't JAX's."""
        super().check()
        result = parts(self.calls["numgrad"]())
        if "by hand" not in self.calls:
            active = len(result)
            rng = np.random.default_rng(1)
            tangents = tuple(rng.normal(size=each.shape) for each in result)
            rest = (None,) * (len(self.arguments) - active)
            slope = numgrad.jvp(self.function, self.arguments, (*tangents, *rest))[1]
            terms = np.concatenate(
                [(each * t).ravel() for each, t in zip(result, tangents, strict=True)]
            )
            scale = np.abs(terms).sum()
            np.testing.assert_allclose(terms.sum(), slope, rtol=1e-10, atol=1e-10 * scale)
        if "JAX" in self.calls:
            own, theirs = (
                np.concatenate([np.ravel(each) for each in parts(given)])
                for given in (result, self.calls["JAX"]())
            )
            np.testing.assert_allclose(own, theirs, rtol=1e-8, atol=1e-8 * np.abs(own).max())


def problem(name, function, arguments, jax_function=None, *, evaluations=None, share=None, by=1):
    """Return the gradient by the first arguments, in at most so many evaluations or shares of JAX.

    ``jax_function`` takes the same arguments; those that aren't arrays are constants to JAX.
    """
    argnums = 0 if by == 1 else tuple(range(by))
    derive = partial(derivative_of, function, argnums)
    gradient = derive("reverse")
    out = {"out": np.empty_like(arguments[0])} if by == 1 else {}
    calls = {
        "numgrad": lambda: gradient(*arguments, **out),
        "the function": lambda: function(*arguments),
    }
    if jax_function and (jax := loaded_jax()):
        calls["JAX"] = jax_call(jax.grad(jax_function, argnums=argnums), arguments)
    bars = {"the function": evaluations, "JAX": share}
    bars = {beside: 1.0 / most for beside, most in bars.items() if most}
    return Backward(name, calls, bars, derive, arguments, function)


def derivative_of(function, argnums, mode):
    return numgrad.grad(function, argnums=argnums, mode=mode)


def jax_call(derivative, arguments):
    """Return a call of JAX's derivative, compiled, on arrays of JAX's own."""
    jax = loaded_jax()
    constants = [k for k, each in enumerate(arguments) if not isinstance(each, np.ndarray)]
    compiled = jax.jit(derivative, static_argnums=constants)
    given = [
        each if k in constants else jax.numpy.asarray(each) for k, each in enumerate(arguments)
    ]
    return lambda: jax.block_until_ready(compiled(*given))
