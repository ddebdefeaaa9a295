"""``numgrad.implicit_root``: roots found by iteration, and their derivatives by theorem."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types

from numgrad.arrays.linalg.matrices import columns_of
from numgrad.drivers import state
from numgrad.drivers.chunks import allocate, flat
from numgrad.drivers.forward.widths import FEWEST
from numgrad.drivers.layouts import duals_like, extent_of, lying_like, steps_like, store_at
from numgrad.drivers.overloads import return_type
from numgrad.drivers.structure import FLOATING, argument, leaves, rebuilt, structure_of
from numgrad.drivers.transform import Transform, compiled, original_of, parameters_of
from numgrad.drivers.written import written_arguments
from numgrad.numbers.carrier import (
    carrier_in,
    carriers_in,
    highest,
    is_carrier,
    is_complex,
    number_of,
)
from numgrad.numbers.conversions import set_primal
from numgrad.numbers.temporaries import held
from numgrad.rules.registry import primal
from numgrad.targets.options import INTERNAL, internal_njit
from numgrad.transforms.callables import P, R
from numgrad.transforms.jacobian import jacobian
from numgrad.transforms.made import made, register
from numgrad.twin.errors import DifferentiationError
from numgrad.twin.origins import DRIVERS
from numgrad.twin.source import Body
from numgrad.twin.twin import twin_of


class ImplicitRoot(Transform):
    """A solver's root, differentiated by the equation that it solves."""

    summary = "the root, with its derivatives,"
    options = INTERNAL  # not inlined: a solver is long, and its call costs nothing beside it
    takes_out = False
    writes_numbers = True  # the solver's, such as a better guess

    def __init__(self, solve, residual):
        residual = original_of(residual)
        self.residual = compiled(residual)
        self.residual_name = getattr(residual, "__name__", repr(residual))
        super().__init__(solve, residual)
        check_parameters(self, parameters_of(self.residual))

    def label(self):
        return f"implicit_root({self.inner_name()}, {self.residual_name})"

    def implementation(self, kinds, out, hint):
        if highest(kinds) is not None:
            return Lifting(self, kinds).implementation()
        arguments = ", ".join(argument(position) for position in range(len(kinds)))
        return Body([f"return solve({arguments})"], {"solve": self.function})


def check_parameters(root, residual):
    """Raise unless a residual takes the unknown and then what the solver takes."""
    solve = root.parameters
    if any(p.kind is p.VAR_POSITIONAL for p in (*solve, *residual)):
        return
    needed = [sum(p.default is p.empty for p in parameters) for parameters in (solve, residual)]
    if len(residual) < 1 + len(solve) or needed[1] > 1 + len(solve):
        names = ", ".join(["x", *(p.name for p in solve)])
        raise TypeError(
            f"implicit_root calls the residual as {root.residual_name}({names}), the unknown and "
            f"then all that {root.inner_name()} takes, but it has {len(residual)} "
            f"parameter{'s' if len(residual) != 1 else ''}: "
            f"({', '.join(p.name for p in residual)})"
        )


class Lifting:
    """The source of a root whose equation holds numbers with derivatives.

    The solver finds x, a float, for arguments p without their derivatives. What the residual F
    gives for x and the arguments p + dp themselves is to be 0 but for its value:

        x  <-  x - J^-1 (F(x, p + dp) - F(x, p)),   J = dF/dx at x and p

    A product of more infinitesimals than there are levels of derivatives is 0. The error of x is a
    sum of such products: of one at first, and of one more after each step, as J is exact but for
    infinitesimals. So there are as many steps as levels.
    """

    def __init__(self, root, kinds):
        self.root = root
        self.kinds = kinds
        self.levels = len(set().union(*map(carriers_in, kinds)))
        residual = root.residual
        slopes: Any = jacobian(residual)  # a transform
        self.names = {
            "solve": root.function,
            "residual": residual if residual in DRIVERS else twin_of(residual),
            "slopes_of": slopes.driver(FEWEST),  # most unknowns have few components
            "primal": primal,
            "check_unwritten": check_unwritten,
        }
        self.lines = []
        self.primal_kinds = []
        for position, kind in enumerate(kinds):
            self._add_primal(position, kind)

    def implementation(self):
        """Return the body of a function of ``arguments``."""
        primals = ", ".join(f"p{position}" for position in range(len(self.kinds)))
        arguments = ", ".join(argument(position) for position in range(len(self.kinds)))
        unknown = return_type(self.root.function, self.primal_kinds)
        check_unknown(self.root, unknown)
        self.lines += [f"x0 = solve({primals})", *self._checks_of_written()]
        self.lines += [*self._saved(unknown), f"slopes = slopes_of({own(unknown)}, {primals})"]
        self.lines += self._put_back()
        equation, kind = self.names["residual"], unknown
        for level in range(self.levels):
            returned = return_type(equation, (kind, *self.kinds))
            check_returned(self.root, unknown, returned)
            if carrier_in(returned) is None:  # no derivative has a part in the equation
                break
            call = f"residual({f'x{level}' if level else own(unknown)}, {arguments})"
            self.lines += [f"x{level + 1} = {self._corrected(f'x{level}', call, returned)}"]
            self.lines += self._put_back()
            kind = returned
        result = f"x{self.levels}" if kind is returned else f"x{level}"
        return Body([*self.lines, f"return {result}"], self.names)

    def _saved(self, unknown):
        """The source that saves the state that the residual may write, for its next call."""
        residual = self.root.residual
        written = written_arguments(residual, (unknown, *self.kinds))
        self.state = [
            held
            for k in sorted(written - {0})
            for held in state.held_in(argument(k - 1), self.kinds[k - 1], floats=True)
        ]
        self.names |= {"saved": state.saved, "put_back": state.put_back}
        for position in sorted(written - {0}):
            if not state.can_be_saved(self.kinds[position - 1]):
                kind = self.kinds[position - 1]
                raise DifferentiationError(state.unsaved_message(residual, position, kind))
        return [f"saved{k} = saved({source})" for k, (source, _) in enumerate(self.state)]

    def _put_back(self):
        """Return the source that lets all be as the solver left it."""
        return [f"put_back({source}, saved{k})" for k, (source, _) in enumerate(self.state)]

    def _corrected(self, unknown, residual, kind):
        """Return the source of a root after one step, which is of the type of the residual."""
        if not isinstance(kind, types.Array):
            correct = self._name(corrected_number, "correct")
            corrected = f"{correct}({unknown}, slopes, {residual})"
            is_temporary = is_carrier(kind) and kind.has_temporaries
            return f"{self._name(held, 'held')}({corrected})" if is_temporary else corrected
        correct, element = self._name(corrected_array, "correct"), self._name(kind.dtype, "element")
        number = self._name(number_of(kind.dtype), "number")
        return f"{correct}({unknown}, slopes, {residual}, {element}, {number})"

    def _add_primal(self, position, kind):
        """Add the source of an argument without its derivatives."""

        def without_derivatives(expression, kind):
            if isinstance(kind, types.Array) and is_carrier(kind.dtype):
                element = number_of(kind.dtype)
                is_line = kind.layout == "C" or not kind.ndim
                made = self._name(primals_of if is_line else primals_like, "primals")
                array = (
                    types.Array(element, kind.ndim, "C") if is_line else duals_like(kind, element)
                )
                return f"{made}({expression}, {self._name(element, 'element')})", array
            if is_carrier(kind):
                return f"primal({expression})", number_of(kind)
            if carrier_in(kind) is not None:
                raise TypeError(
                    f"argument {position} of {self.root.label()} is a {type(kind).__name__} that "
                    "holds numbers with derivatives: pass them as numbers, arrays or tuples"
                )
            return expression, kind

        expression, primal_kind = argument(position), kind
        if carrier_in(kind) is not None:
            expression, primal_kind = rebuilt(expression, kind, without_derivatives, self._name)
        self.lines.append(f"p{position} = {expression}")
        self.primal_kinds.append(primal_kind)

    def _name(self, thing, stem):
        """Return a name that stands for an object in the source."""
        name = f"{stem}_{len(self.names)}"
        self.names[name] = thing
        return name

    def _checks_of_written(self):
        """The source that checks what the solver stored where derivatives were."""
        written = written_arguments(self.root.function, tuple(self.primal_kinds))
        return [
            f"check_unwritten({leaf.expression}, p{position}{leaf.expression.removeprefix(whole)})"
            for position, kind in enumerate(self.kinds)
            for whole in [argument(position)]
            for leaf in leaves(structure_of(whole, kind))
            if leaf.is_array and is_carrier(leaf.element) and position in written
        ]


def own(unknown):
    """Return the source of the root that a residual may have for its own."""
    return "x0.copy()" if isinstance(unknown, types.Array) else "x0"


def element_of(kind):
    return kind.dtype if isinstance(kind, types.Array) else kind


def check_unknown(root, kind):
    """Raise if a solver returns what can't be the unknown of an equation."""
    if not isinstance(element_of(kind), FLOATING):
        raise TypeError(
            f"{root.label()} can't be differentiated: {root.inner_name()} returns {kind}; the "
            "unknown must be a float, a complex number, or an array of these"
        )


def check_returned(root, unknown, kind):
    """Raise if a residual isn't like the unknown in rank and in being complex or not."""
    numbers = [number_of(element_of(each)) for each in (unknown, kind)]
    ranks = [each.ndim if isinstance(each, types.Array) else 0 for each in (unknown, kind)]
    is_number = all(isinstance(number, FLOATING) for number in numbers)
    if not is_number or ranks[0] != ranks[1] or is_complex(numbers[0]) != is_complex(numbers[1]):
        raise TypeError(
            f"{root.label()} can't be differentiated: {root.inner_name()} returns {unknown}, so "
            f"{root.residual_name} must return the same, not {kind}"
        )


@internal_njit
def primals_of(array, element):
    """Return the numbers in an array of duals without any derivative."""
    numbers = allocate(array.shape, element)
    target = flat(numbers)
    for k, number in enumerate(array.flat):
        target[k] = primal(number)
    return numbers


@internal_njit
def primals_like(array, element):
    """Return the same in an array of the layout of that of duals."""
    steps = steps_like(array)
    numbers = lying_like(array, steps, allocate((extent_of(array.shape, steps),), element))
    for k, number in enumerate(array.flat):
        store_at(numbers, k, primal(number))
    return numbers


@internal_njit
def check_unwritten(array, primals):
    """Raise if a solver has stored anything in an array whose derivatives it didn't see."""
    if not state.has_values(array, primals):
        raise DifferentiationError(
            "implicit_root: the solver overwrites an array that carries derivatives, which "
            "would be lost; let it work on a copy of that array"
        )


@internal_njit
def corrected_number(x, slope, residual):
    """Return a root with the derivatives that its equation gives it."""
    if slope == 0.0:
        raise np.linalg.LinAlgError(
            "implicit_root: the residual has slope 0 in x at the root, which then has no derivative"
        )
    return x - (residual - primal(residual)) / slope


@internal_njit
def corrected_array(x, slopes, residual, element, number):
    """Return a root with the derivatives that its equations give it."""
    if x.shape != residual.shape:
        raise ValueError("implicit_root: the residual has not the shape of the root")
    result = allocate(x.shape, element)
    steps = flat(result)
    for k, each in enumerate(residual.flat):
        steps[k] = each
        set_primal(steps, k, 0)
    matrix, entries = allocate((steps.size, steps.size), number), flat(slopes)
    elements = flat(matrix)
    for k in range(elements.size):
        elements[k] = entries[k]
    solve_in_place(matrix, columns_of(steps))
    for k, each in enumerate(x.flat):
        set_primal(steps, k, 0)
        steps[k] = each - steps[k]
    return result


@internal_njit
def solve_in_place(matrix, rows):
    """Put the solution of linear equations in the place of their right sides.

    A row is the memory of a real dual, first its value, which is 0, then all its derivatives; or
    it is one complex dual, whose value is 0.
    By elimination with partial pivoting: NumPy's solver would ask for SciPy, and take Numba five
    seconds. Zeros below the diagonal are passed over, so a banded Jacobian costs little.
    """
    size, width = rows.shape
    first = min(1, width - 1)
    for k in range(size):
        bring_pivot(matrix, rows, k)
        for i in range(k + 1, size):
            factor = matrix[i, k] / matrix[k, k]
            if factor != 0.0:
                for j in range(k + 1, size):
                    matrix[i, j] -= factor * matrix[k, j]
                for j in range(first, width):
                    rows[i, j] -= factor * rows[k, j]
    for k in range(size - 1, -1, -1):
        for j in range(first, width):
            rows[k, j] /= matrix[k, k]
        for i in range(k):
            factor = matrix[i, k]
            if factor != 0.0:
                for j in range(first, width):
                    rows[i, j] -= factor * rows[k, j]


@internal_njit
def bring_pivot(matrix, rows, k):
    """Exchange equations so that the largest number of a column stands on the diagonal."""
    pivot = k
    for i in range(k + 1, matrix.shape[0]):
        if abs(matrix[i, k]) > abs(matrix[pivot, k]):
            pivot = i
    if matrix[pivot, k] == 0.0:
        raise np.linalg.LinAlgError(
            "implicit_root: the Jacobian of the residual by x is singular at the root, which then "
            "has no derivative"
        )
    if pivot != k:
        for j in range(k, matrix.shape[1]):
            matrix[k, j], matrix[pivot, j] = matrix[pivot, j], matrix[k, j]
        for j in range(rows.shape[1]):
            rows[k, j], rows[pivot, j] = rows[pivot, j], rows[k, j]


def implicit_root(solve: Callable[P, R], residual: Callable[..., Any]) -> Callable[P, R]:
    """Return a solver that is differentiated by the equation it solves, not step by step.

    Where an iteration stops, its derivatives need not have arrived: one that starts at the answer,
    or chooses between halves as bisection does, stops with wrong ones or none.

    Parameters
    ----------
    solve : callable
        A function ``solve(*args)``, plain or compiled by ``numba.njit``, that returns the unknown
        x: a float, a complex number, or an array of these. Any method will do, with any start and
        stopping rule among its arguments.
    residual : callable
        A function ``residual(x, *args)`` of the unknown and all arguments of `solve`, which is 0 at
        the root and returns what is shaped like x. For a fixed point ``x = g(x, *args)`` it is
        ``x - g(x, *args)``, for a minimum of ``e(x, *args)`` it is ``numgrad.grad(e)``.

    Returns
    -------
    callable
        A function of the same arguments that returns what `solve` returns. Every transform
        differentiates it, to any order, by all arguments that are numbers, arrays and tuples of
        them. It is called from Python and from compiled code.

    Raises
    ------
    TypeError
        If `solve` or `residual` isn't a function, or `residual` takes other arguments; when
        differentiated, if x holds no floats or `residual` returns something of another rank.
    ValueError
        When differentiated, if `residual` returns an array of another shape than x.
    numpy.linalg.LinAlgError
        When differentiated, if the Jacobian of `residual` by x is singular at the root, as it is
        where two roots meet.
    DifferentiationError
        When differentiated, if something in `residual` can't be; or if `solve` overwrites an array
        with derivatives.

    See Also
    --------
    rule : the derivative of any function of numbers, by its formula.

    Notes
    -----
    By the implicit function theorem [1]_ the root x(p) of F(x, p) = 0 has the derivative
    ``-(dF/dx)^-1 dF/dp``: one Jacobian of `residual` by x, one solution of linear equations, and
    one pass through `residual`, whatever the number of iterations. Higher orders take one more
    pass each. `solve` itself is called once, on plain numbers, and never differentiated. The
    derivatives are as exact as the root: an error e of x leaves one of order e in them.

    References
    ----------
    .. [1] A. Griewank and A. Walther, "Evaluating Derivatives", 2nd edition, SIAM (2008),
       chapter 15.

    Examples
    --------
    Bisection, which has no derivative of its own:

    >>> import math
    >>> import numgrad
    >>> def bisect(p):
    ...     low, high = 0.0, 1.0 + p
    ...     for _ in range(60):
    ...         x = 0.5 * (low + high)
    ...         low, high = (low, x) if x**3 > p else (x, high)
    ...     return x
    >>> cube_root = numgrad.implicit_root(bisect, lambda x, p: x**3 - p)
    >>> round(cube_root(8.0), 12), round(numgrad.derivative(cube_root)(8.0), 12)
    (2.0, 0.083333333333)

    Newton's method for Kepler's equation, started from a guess that is perfect already:

    >>> def kepler(mean, eccentricity, guess):
    ...     x, error = guess, guess - eccentricity * math.sin(guess) - mean
    ...     while abs(error) > 1e-14:
    ...         x -= error / (1.0 - eccentricity * math.cos(x))
    ...         error = x - eccentricity * math.sin(x) - mean
    ...     return x
    >>> def equation(x, mean, eccentricity, guess):
    ...     return x - eccentricity * math.sin(x) - mean
    >>> anomaly = numgrad.implicit_root(kepler, equation)
    >>> x = anomaly(1.0, 0.5, 1.0)
    >>> numgrad.derivative(kepler)(1.0, 0.5, x)  # the loop ends before it begins
    0.0
    >>> numgrad.derivative(anomaly)(1.0, 0.5, x) == 1.0 / (1.0 - 0.5 * math.cos(x))
    True
    """
    return made(ImplicitRoot, solve, residual)


register(implicit_root, ImplicitRoot)
