"""Programs of one line each, which compute y from an array x, and their differences."""

import numpy as np
from numba import njit


def program(lines, names):
    """Return the function of lines that has one result a line, and one function for each line.

    Parameters
    ----------
    lines : list of str
        Statements that assign y.
    names : dict
        What their names stand for.
    """
    functions = [f"line_{k}" for k in range(len(lines))]
    parts = [
        f"def {function}(x):\n    {line}\n    return y\n"
        for function, line in zip(functions, lines, strict=True)
    ]
    exec("".join(parts), namespace := dict(names))
    called = ", ".join(f"compiled_{function}(x)" for function in functions)
    namespace |= {f"compiled_{function}": njit(namespace[function]) for function in functions}
    exec(f"def f(x):\n    return np.array([{called}])\n", namespace)
    return namespace["f"], [namespace[function] for function in functions]


def differences(f, x):
    """Return the gradient by central differences of fourth order."""
    step, gradient = 2e-3, np.empty(x.size)
    for k, unit in enumerate(np.eye(x.size)):
        near, far = (f(x + h * unit) - f(x - h * unit) for h in (step, 2.0 * step))
        gradient[k] = (8.0 * near - far) / (12.0 * step)
    return gradient
