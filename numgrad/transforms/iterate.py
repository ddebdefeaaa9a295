"""``numgrad.iterate``: a step applied many times, with few states kept in reverse."""

from collections.abc import Callable
from typing import Any

from numba import njit, types

from numgrad.drivers.reverse.iterated import Iterated, states_to_keep
from numgrad.drivers.structure import is_integer, leaves, rebuilt, structure_of
from numgrad.drivers.transform import Transform
from numgrad.numbers.carrier import highest
from numgrad.transforms.checkpoint import check_draws
from numgrad.transforms.made import made, register
from numgrad.twin.source import Body, function_of
from numgrad.twin.twin import twin_of


class Iterate(Transform):
    """The step applied many times; where a tape is written, that is a single record."""

    summary = "the repeated step"
    takes_out = False

    @property
    def count(self):
        return self.settings[0]

    @property
    def states(self):
        """The number of states that are kept in reverse."""
        return states_to_keep(self.count, self.settings[1])

    def written(self, kinds):
        """Nothing: the state that a step writes to is a copy."""
        return frozenset()

    def implementation(self, kinds, out, hint):
        node = highest(kinds)
        loop = self._loop(kinds)
        if node is not None and node.has_temporaries:
            check_draws(self, kinds, "iterate")
            copies = self._may_return_an_argument(kinds)
            of_step = loop, self.function, tuple(kinds), node, self.count, self.states
            record = Iterated(*of_step, copies=copies).record()
            return Body(["return record(arguments)"], {"record": record})
        function = loop if node is None else twin_of(loop)
        given = ", ".join(f"arguments[{k + 1}]" for k in range(len(kinds)))
        return Body([f"return function({given})"], {"function": function})

    def _loop(self, kinds):
        """The function of the state and the arguments that applies the step."""
        self._check(kinds)
        names: dict[str, Any] = {"step": self.function, "count": self.count}
        copies, _ = rebuilt("state", kinds[0], copy_of, lambda thing, stem: named(names, thing))
        more = "".join(f", x{k}" for k in range(1, len(kinds)))
        lines = [f"state = {copies}", "for _ in range(count):", f"    state = step(state{more})"]
        if self._may_return_an_argument(kinds):
            lines.append(f"    state = {copies}")  # the next step may write to it
        lines.append("return state")
        loop = function_of("loop", f"state{more}", Body(lines, names))
        loop.__name__ = self.function.py_func.__name__
        return njit(loop, error_model="python")

    def _may_return_an_argument(self, kinds):
        """Whether a step that writes to its state may return the memory of another argument."""
        ranks = [
            {leaf.kind.ndim for leaf in leaves(structure_of("", kind)) if leaf.is_array}
            for kind in (kinds[0], types.BaseTuple.from_types(kinds[1:]))
        ]
        return bool(super().written(kinds)) and not ranks[0].isdisjoint(ranks[1])

    def _check(self, kinds):
        name = self.function.py_func.__name__
        members = leaves(structure_of("", kinds[0])) if kinds else []
        if not members or not all(leaf.is_floating for leaf in members):
            raise TypeError(
                f"iterate of {name}: the state must be a float, an array of floats or a tuple of "
                f"these, not {kinds[0] if kinds else 'missing'}"
            )
        writes = super().written(kinds)
        if writes - {0}:
            raise TypeError(
                f"iterate of {name}: it may write to its argument {min(writes - {0})}, and only "
                "the state may be written; let it be part of the state, or make a copy"
            )


def copy_of(expression, kind):
    """Return a copy of a leaf of the state: source and type."""
    if isinstance(kind, types.Array):
        return f"{expression}.copy()", types.Array(kind.dtype, kind.ndim, "C")
    return expression, kind


def named(names, thing):
    name = f"named_{len(names)}"
    names[name] = thing
    return name


def iterate(step: Callable[..., Any], n: int, states: int | None = None) -> Callable[..., Any]:
    """Return the function that applies a step many times, with little memory in reverse.

    Parameters
    ----------
    step : callable
        The function, plain or compiled by ``numba.njit``: ``step(state, *args)`` returns the next
        state. A state is a float, real or complex, an array of floats, or a tuple of these; the
        step may write to the one that it got, and return it. It writes to no other argument.
    n : int
        How many times, 0 or more.
    states : int, optional
        How many states to keep in reverse, 1 or more. The default is about the logarithm of `n`,
        with which the steps are computed some four times.

    Returns
    -------
    callable
        The function of ``(state, *args)`` that returns the state after `n` steps, from Python and
        from compiled code. The state that it is given is never written to.

    Raises
    ------
    TypeError
        If `step` isn't a function or `n` and `states` no integers; when called, if the state isn't
        made of floats, or `step` may write to another argument.
    ValueError
        If `n` is negative, or `states` is not positive.

    See Also
    --------
    checkpoint : the same for one call of a function.

    Notes
    -----
    Reverse mode keeps `states` states instead of all statements, computes those between them again
    from the last one kept, and writes the statements of one step at a time. Which states are kept
    is the binomial schedule of revolve [1]_, which computes the fewest steps again. The derivative
    is the same to the last bit for every number of states. In forward mode nothing is kept.

    References
    ----------
    .. [1] A. Griewank and A. Walther, "Algorithm 799: revolve", ACM Transactions on Mathematical
       Software 26 (2000), 19-45.

    Examples
    --------
    >>> import numpy as np
    >>> import numgrad
    >>> from numba import njit
    >>> @njit
    ... def diffuse(u, rate):
    ...     new = u.copy()
    ...     for i in range(1, u.size - 1):
    ...         new[i] += rate * (u[i - 1] - 2.0 * u[i] + u[i + 1])
    ...     return new
    >>> after = numgrad.iterate(diffuse, 1000)
    >>> @njit
    ... def heat(u, rate):
    ...     return np.sum(after(u, rate) ** 2)
    >>> numgrad.grad(heat, mode="reverse")(np.linspace(0.0, 1.0, 5), 0.25).round(3)
    array([1.25, 0.  , 0.  , 0.  , 3.75])
    """
    for name, given in (("n", n), ("states", states)):
        if not (is_integer(given) or (given is None and name == "states")):
            raise TypeError(f"iterate: {name} must be an integer, not {given!r}")
    if n < 0:
        raise ValueError(f"iterate: n must be 0 or more, not {n}")
    if states is not None and states < 1:
        raise ValueError(f"iterate: states must be 1 or more, not {states}")
    return made(Iterate, step, int(n), None if states is None else int(states))


register(iterate, Iterate)
