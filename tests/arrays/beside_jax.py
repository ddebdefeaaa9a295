"""The same expressions differentiated by JAX, where it is installed and has the functions."""

import importlib.util
import warnings

import numpy as np

IS_INSTALLED = importlib.util.find_spec("jax") is not None


def pushed_forward(expression, names, x, constants, *directions):
    """Return JAX's derivative of an expression in x along directions, one after another.

    None where JAX isn't installed, or can't compute the expression: it writes to no array, lacks
    some of NumPy's functions, and takes no array of booleans for an index.
    """
    if not IS_INSTALLED:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import jax

        jax.config.update("jax_enable_x64", True)
        source = f"lambda {', '.join(names)}: {expression}"
        f = eval(source, {"np": jax.numpy, "weighed": weighed, "up": up})

        def along(x):
            return f(x, *constants)

        for direction in directions:
            along = derivative_along(jax, along, direction)
        try:
            return np.asarray(along(x))
        except Exception:
            return None


def derivative_along(jax, f, direction):
    return lambda x: jax.jvp(f, (x,), (direction,))[1]


def weighed(array):
    """Return what the function of that name in the test of linear algebra does."""
    weights = [1.0]
    for _ in range(array.size - 1):
        weights.append(0.3 - 0.9 * weights[-1])
    return array.ravel() @ np.array(weights)


def up(vectors):
    """Return what the function of that name in the test of linear algebra does."""
    return vectors * np.sign(vectors[0])
