"""``numgrad.sparsity``: which outputs of a function depend on which inputs."""

import inspect
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from typing import Any

from numgrad.drivers.modes import REVERSE
from numgrad.drivers.sparse.pattern import Pattern
from numgrad.drivers.transform import Transform
from numgrad.numbers.pattern import sets
from numgrad.numbers.pattern.seeds import inputs_a_pass
from numgrad.numbers.pattern.type import LISTED
from numgrad.targets.options import internal_njit
from numgrad.transforms.grad import Backward
from numgrad.transforms.jacobian import checked_argnums, size_of
from numgrad.transforms.made import made
from numgrad.twin.source import Body, function_of

FEW_WORDS, WORDS = 2, 8  # of a set of inputs that is a row of bits
FEW_WORDS_UP_TO, WORDS_UP_TO = inputs_a_pass(FEW_WORDS), inputs_a_pass(WORDS)
BYTES_AN_INPUT = 256  # of the memory of sets, at first
MOST_BYTES_AN_INPUT, MOST_BYTES = 1 << 12, 1 << 26  # beyond, a function is not sparse


class WithLeading(Transform):
    """A transform whose driver takes an argument of its own before those of the user's function."""

    takes_out = False
    leading = "leading"

    def __init__(self, function, *settings):
        super().__init__(function, *settings)
        names = {p.name for p in self.parameters}
        numbered = (f"{self.leading}_{k}" for k in range(len(names) + 1))
        name = next(name for name in numbered if name not in names)
        first = inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY)
        self.parameters = [first, *self.parameters]

    def written(self, kinds):
        return frozenset(k + 1 for k in super().written(kinds))

    def passed_on(self, kinds):
        return kinds[1:]

    def body_of(self, passes):
        """The body of a driver, which hands its own argument over beside all others."""
        header = f"{self.leading}, arguments"
        run = internal_njit(function_of("run", header, passes.implementation()))
        return Body(["return run(arguments[1], arguments[:1] + arguments[2:])"], {"run": run})


class PatternEntries(WithLeading):
    """The entries of the pattern of a Jacobian, row by row."""

    summary = "the entries of the sparsity pattern"
    leading = "block"

    def implementation(self, kinds, out, hint):
        from numgrad.drivers.positions import positions_of
        from numgrad.drivers.sparse.finding import PatternPasses

        argnums, words, out_argnum = self.settings
        kinds = kinds[1:]
        positions, _ = positions_of(self.function, argnums, len(kinds))
        return self.body_of(PatternPasses(self.function, kinds, positions, words, out_argnum))


def pattern_entries(f: Any, argnums: Any, words: int, out_argnum: int | None) -> Any:
    return made(PatternEntries, f, argnums, words, out_argnum)


PatternEntries.maker = staticmethod(pattern_entries)


def pattern_at(f: Any, arguments: Sequence[Any], argnums: Any, out_argnum: int | None) -> Pattern:
    """Find the pattern of a Jacobian at a point.

    Sets of many inputs lie in memory, as much as they need; what would need far more than a sparse
    function does is run for a few hundred inputs at a time.
    """
    positions = argnums if isinstance(argnums, tuple) else (argnums,)
    inputs = sum(size_of(arguments[k]) for k in positions if -len(arguments) <= k < len(arguments))
    if inputs <= WORDS_UP_TO:
        words = FEW_WORDS if inputs <= FEW_WORDS_UP_TO else WORDS
        return of_bits(pattern_entries(f, argnums, words, out_argnum), arguments)
    listed, size = pattern_entries(f, argnums, LISTED, out_argnum), BYTES_AN_INPUT * inputs
    while size <= MOST_BYTES_AN_INPUT * inputs + MOST_BYTES:
        pattern = of_found(listed, arguments, size)
        if isinstance(pattern, Pattern):
            return pattern
        size = 2 * pattern
    return of_bits(pattern_entries(f, argnums, WORDS, out_argnum), arguments)


def of_bits(entries: Any, arguments: Sequence[Any]) -> Pattern:
    """Run a function for as many inputs at a time as have bits: its pattern."""
    starts, columns, total = entries.entry_point(None)(sets.new_block(0), *arguments)
    return Pattern.of_rows((starts.size - 1, total), starts, columns)


def of_found(entries: Any, arguments: Sequence[Any], size: int) -> Pattern | int:
    """Run a function with so much memory for sets: its pattern, or how much would be needed."""
    block = sets.new_block(size)
    starts, columns, total = entries.entry_point(None)(block, *arguments)
    if sets.wanted(block) > block.nbytes:
        return sets.wanted(block)
    return Pattern.of_rows((starts.size - 1, total), starts, columns[: starts[-1]].copy())


class Unwatched(Backward):
    """The gradient by reverse mode, left as it is where it is nan: that has a pattern too."""

    def passes(self, *arguments, **options):
        return super().passes(*arguments, **{**options, "watched": False})


def unwatched(f: Any, argnums: Any, mode: Any = REVERSE) -> Any:
    return made(Unwatched, f, argnums, mode)


Unwatched.maker = staticmethod(unwatched)


def hessian_at(f: Any, arguments: Sequence[Any], argnums: Any) -> Pattern:
    """Find the pattern of a Hessian at a point: that of the Jacobian of the gradient."""
    found = pattern_at(unwatched(f, argnums), arguments, argnums, None)
    return Pattern.of(found, symmetric=True)


def sparsity(
    f: Callable[..., Any],
    *args: Any,
    argnums: int | tuple[int, ...] = 0,
    out_argnum: int | None = None,
    order: int = 1,
    at: Iterable[Any] = (),
) -> Pattern:
    """Return which outputs of a function depend on which inputs: the pattern of its Jacobian.

    Parameters
    ----------
    f : callable
        The function, plain or compiled by ``numba.njit``. A plain one is compiled.
    *args
        The arguments of `f`: the point. They are left as they are, whatever `f` writes to.
    argnums : int or tuple of ints, optional
        The positions of the arguments to differentiate by, as `jacobian` has them.
    out_argnum : int, optional
        The position of the array that `f` stores its result in, for functions ``f(x, out)``.
    order : {1, 2}, optional
        With 2 the pattern of the Hessian of a function that returns one real number.
    at : iterable, optional
        Further points, each in the place of the arguments at `argnums`: of several a tuple. The
        pattern is the union of those at all points.

    Returns
    -------
    Pattern
        Which entries may differ from 0. A row is an output and a column an input: arrays in C
        order, and where there are several, in tuples or as arguments, one after another.

    Raises
    ------
    TypeError, ValueError, DifferentiationError
        As `jacobian`, and `grad` if `order` is 2.

    See Also
    --------
    sparse_jacobian, sparse_hessian : the derivatives that have these entries.

    Notes
    -----
    `f` is run on numbers that carry the set of inputs that they depend on. A function of the table
    unites the sets of its arguments; what is piecewise constant, such as a comparison or ``floor``,
    and a conversion to an integer drop them. Products with 0 count: the values of numbers do not
    matter but for the branches that they decide. So all entries are found that can differ from 0
    as long as branches and indices stay what they are at this point.

    Examples
    --------
    >>> import numpy as np
    >>> import numgrad
    >>> def differences(x):
    ...     return x[1:] ** 2 - x[:-1]
    >>> pattern = numgrad.sparsity(differences, np.ones(6))
    >>> pattern
    Pattern(5 x 6, 10 entries: 33.3 %, 2 colours)
    >>> print(pattern)
    x x . . . .
    . x x . . .
    . . x x . .
    . . . x x .
    . . . . x x

    The Hessian of a sum of products of neighbours:

    >>> numgrad.sparsity(lambda x: np.sum(x[1:] * x[:-1]), np.ones(6), order=2)
    Pattern(6 x 6, symmetric, 10 entries: 27.8 %, 2 colours)
    """
    argnums = checked_argnums(argnums)
    if order not in (1, 2):
        raise ValueError(f"order must be 1 or 2, not {order!r}")
    if order == 2 and out_argnum is not None:
        raise TypeError("a Hessian is that of a number that f returns: leave out_argnum out")
    patterns = [
        hessian_at(f, arguments, argnums)
        if order == 2
        else pattern_at(f, arguments, argnums, out_argnum)
        for arguments in points_of(args, argnums, at)
    ]
    return reduce(operator.or_, patterns)


def points_of(args: tuple[Any, ...], argnums: Any, at: Iterable[Any]) -> Iterator[list[Any]]:
    """List the arguments at each point."""
    yield list(args)
    for point in at:
        arguments = list(args)
        if isinstance(argnums, tuple):
            for position, argument in zip(argnums, point, strict=True):
                arguments[position] = argument
        else:
            arguments[argnums] = point
        yield arguments
