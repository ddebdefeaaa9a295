"""``numgrad.pullback``: the derivative of a function of arrays, as a user states it."""

from collections.abc import Callable
from typing import Any, TypeVar

from numgrad.caching.stamping import warn_if_loaded
from numgrad.drivers.reverse.stated import Stated
from numgrad.drivers.structure import argument
from numgrad.drivers.transform import Transform, compiled, original_of
from numgrad.numbers.carrier import highest
from numgrad.rules.registry import PULLBACKS, TABLE
from numgrad.twin.origins import STATED
from numgrad.twin.source import Body
from numgrad.twin.twin import warn_if_late

Stating = TypeVar("Stating", bound=Callable[..., Any])


class WithPullback(Transform):
    """The function itself; where a tape is written, a call of it is a single record."""

    summary = "the same"
    takes_out = False
    is_used_within = True

    def label(self):
        return f"pullback({self.inner_name()})"

    def written(self, kinds):
        return frozenset()  # the record checks it

    def draws(self, kinds):
        return False  # the pullback has the arguments and no other state

    def finds(self, kinds):
        return frozenset()

    def takes_addresses(self, kinds):
        return True  # what has a pullback often calls foreign code

    def implementation(self, kinds, out, hint):
        number = highest(kinds)
        if number is not None and number.has_temporaries:
            pullback = compiled(self.settings[0])
            record = Stated(self.function, pullback, tuple(kinds), number).record()
            return Body(["return record(arguments)"], {"record": record})
        if number is not None:
            raise TypeError(
                f"{self.inner_name()} has a pullback, which is for reverse mode alone: pass "
                "mode='reverse', or give it slopes by numgrad.rule"
            )
        given = ", ".join(argument(k) for k in range(len(kinds)))
        return Body([f"return function({given})"], {"function": self.function})


def pullback(f: Callable[..., Any]) -> Callable[[Stating], Stating]:
    """State how reverse mode goes back through a function of arrays.

    The decorated function takes the cotangent of the result, and then the arguments of `f`. It
    returns a tuple with the cotangent of each argument: the product of the transposed Jacobian with
    that of the result. From then on a call of `f` is one record on the tape, and nothing looks into
    it: what it calls may be foreign code.

    Parameters
    ----------
    f : callable
        A function compiled by ``numba.njit``, or one that can be, of real numbers, arrays and
        tuples of these, and functions. It returns real numbers, arrays or a tuple of these, and
        writes to no argument.

    Returns
    -------
    callable
        A decorator, which returns the function as it is. The cotangent it is called with is shaped
        like the result of `f`, a tuple where that is one; arrays among the arguments are copies, in
        C order. Each cotangent that it returns is shaped like its argument; None stands for one
        that the value doesn't depend on, or that is no float. The only argument of an `f` that has
        one may come without a tuple around it.

    Raises
    ------
    TypeError
        At once, if `f` isn't a function, or has a rule already. When a derivative is compiled: in
        forward mode, which a pullback says nothing of (``mode="auto"`` goes backward); if `f` takes
        or returns anything else; or if the decorated function doesn't return what it has to.
    ValueError
        When called, if a cotangent has not the shape of its argument, or `f` writes to one.

    See Also
    --------
    rule : the slopes of a function of numbers, for both modes.
    vjp : the pullback of a function that has none of its own.
    check_grad : whether it is right.

    Notes
    -----
    State it before the first derivative is taken. Second derivatives by reverse over reverse
    differentiate the decorated function. The name is that of differential geometry, and of
    A. Griewank and A. Walther, "Evaluating Derivatives", 2nd edition, SIAM (2008), section 3.2: the
    map of cotangents that goes the other way.

    Examples
    --------
    >>> import numpy as np
    >>> import numgrad
    >>> from numba import njit
    >>> @njit
    ... def smoothed(u, width):
    ...     return np.convolve(u, np.full(width, 1.0 / width))
    >>> @numgrad.pullback(smoothed)
    ... def _(cotangent, u, width):
    ...     by_u = np.correlate(cotangent, np.full(width, 1.0 / width), mode="valid")
    ...     return by_u, None
    >>> numgrad.grad(lambda u: np.sum(smoothed(u, 2) ** 2))(np.array([1.0, 2.0, 4.0]))
    array([2. , 4.5, 5. ])
    """
    function = compiled(original_of(f))

    def state(stating: Stating) -> Stating:
        if not callable(stating):
            raise TypeError(f"a pullback is a function, not {stating!r}")
        for thing in {function, f}:
            if thing in TABLE:
                raise TypeError(f"{function.__name__} has a rule, and can't have a pullback too")
            PULLBACKS[thing] = stating
            warn_if_late(thing)
            warn_if_loaded(thing)
        STATED[function] = WithPullback(function, stating).driver()
        return stating

    return state


def stated(f: Callable[..., Any], stating: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function with its pullback, when it is unpickled."""
    pullback(f)(stating)
    return f


WithPullback.maker = staticmethod(stated)
