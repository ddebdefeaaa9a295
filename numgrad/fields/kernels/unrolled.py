"""Functions written down for a stencil while compiling: loops over its points, unrolled.

Numba compiles the text of a few terms as if we had written it, and fast; tuples made item by item,
by functions that call each other, it compiles slowly. ``compiled`` compiles a function; None leaves
it to Python. The text may refer to ``names``.
"""

import numpy as np

# An index that can't be negative needs no test for it, which lets a loop become vector code.
index = np.uint64


def expression(compiled, arguments, text, **names):
    """Make the function of some arguments that gives an expression."""
    return _compiled(compiled, eval(f"lambda {arguments}: {text}", names))


def statements(compiled, arguments, lines, **names):
    """Make the function of some arguments that runs some statements."""
    exec("\n    ".join([f"def function({arguments}):", *lines]), names)
    return _compiled(compiled, names["function"])


def _compiled(compiled, function):
    return function if compiled is None else compiled(function)


def tuple_of(items):
    """Write down a tuple."""
    return f"({', '.join(items)},)"


def named(function, *parts):
    """Give a function a name of its own, which becomes the name of its machine code.

    Machine code of the same name in two caches on disk would be taken for the same.
    """
    name = "_".join(str(part) for part in parts)
    function.__name__ = function.__qualname__ = name
    return function
