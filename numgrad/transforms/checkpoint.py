"""``numgrad.checkpoint``: a function that is run again in reverse, and not recorded."""

from collections.abc import Callable

from numgrad.drivers.reverse.again import Again, refuse_drawn, refuse_written
from numgrad.drivers.structure import argument
from numgrad.drivers.transform import Transform
from numgrad.numbers.carrier import highest
from numgrad.transforms.callables import P, R
from numgrad.transforms.made import made, register
from numgrad.twin.origins import DRIVERS
from numgrad.twin.source import Body
from numgrad.twin.twin import twin_of


class Checkpoint(Transform):
    """The function itself; where a tape is written, a call of it is a single record."""

    summary = "the same"
    takes_out = False

    def implementation(self, kinds, out, hint):
        node = highest(kinds)
        if node is not None and node.has_temporaries:
            self._check(kinds)
            record = Again(self.function, tuple(kinds), node).record()
            return Body(["return record(arguments)"], {"record": record})
        function = self.function
        if node is not None and function not in DRIVERS:
            function = twin_of(function)
        given = ", ".join(argument(k) for k in range(len(kinds)))
        return Body([f"return function({given})"], {"function": function})

    def _check(self, kinds):
        check_draws(self, kinds, "checkpoint")
        if self.written(kinds):
            refuse_written("checkpoint", self.function.py_func.__name__)


def check_draws(transform, kinds, maker):
    """Raise if a function draws random numbers, which are others when it runs again."""
    if transform.draws(kinds):
        refuse_drawn(maker, transform.function.py_func.__name__)


def checkpoint(f: Callable[P, R]) -> Callable[P, R]:
    """Return a function that reverse mode runs again, instead of recording what it does.

    Parameters
    ----------
    f : callable
        The function, plain or compiled by ``numba.njit``, of numbers, arrays and tuples of
        these, and functions. It returns floats, real or complex, arrays or a tuple of these, and
        writes to no argument, and draws no random numbers.

    Returns
    -------
    callable
        The same function, from Python and from compiled code. Where reverse mode goes through a
        call of it, the arguments are kept in the place of its statements; when its turn comes in
        the sweep, it runs once more and is swept over. Checkpoints may lie within others.

    Raises
    ------
    TypeError
        If `f` isn't a function; in reverse mode, if it takes or returns anything else, or may write
        to an argument.

    See Also
    --------
    tape_limit : the most memory of a tape.

    Notes
    -----
    It costs one more evaluation of `f`, and the memory of its tape is there only for one call at a
    time, with ``jit=False`` too: A. Griewank and A. Walther, "Evaluating Derivatives", 2nd edition,
    SIAM (2008), chapter 12. In forward mode it changes nothing.

    Examples
    --------
    >>> import numpy as np
    >>> import numgrad
    >>> from numba import njit
    >>> @numgrad.checkpoint
    ... @njit
    ... def block(u):
    ...     for _ in range(100):
    ...         u = u + 0.01 * np.sin(u)
    ...     return u
    >>> @njit
    ... def energy(u):
    ...     for _ in range(10):
    ...         u = block(u)
    ...     return np.sum(u**2)
    >>> numgrad.grad(energy, mode="reverse")(np.zeros(3)).shape
    (3,)
    """
    return made(Checkpoint, f)


register(checkpoint, Checkpoint)
