"""Functions that NumPy lacks and the rules need.

The formulas are plain scalar Python that Numba compiles as well: `formula.__wrapped__` is the
function without the wrapper, through which in plain Python a dual answers with its rule.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

# mypy: allow-untyped-defs, allow-untyped-calls


FORMULAS: list[Callable[..., Any]] = []  # every one below, in the order they call each other


def formula(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a dual among the arguments answer, and follow NumPy: its types, and no exceptions."""

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        for argument in arguments:
            if hasattr(argument, "__numgrad_function__"):
                return argument.__numgrad_function__(call, arguments)
        result_type = np.result_type(0.5, *arguments).type
        numbers = [np.float64(a) if isinstance(a, int | float) else a for a in arguments]
        with np.errstate(all="ignore"):
            return result_type(function(*numbers))

    FORMULAS.append(call)
    return call


# Names of this module, unlike those of NumPy, become single where the numbers are.
NAN, INFINITY = float("nan"), float("inf")


@formula
def fma(x, y, z):
    return math.fma(x, y, z)  # type: ignore[attr-defined]  # since Python 3.13


@formula
def erf(x):
    return math.erf(x)


@formula
def erfc(x):
    return math.erfc(x)


@formula
def gamma(x):
    if x == 0.0:
        return np.copysign(INFINITY, x)
    if x < 0.0 and x == np.floor(x):
        return NAN
    if x > 171.62437695630272:  # the largest argument with a finite value
        return INFINITY
    return math.gamma(x)


@formula
def lgamma(x):
    if (x <= 0.0 and x == np.floor(x)) or x > 2.559983327851638e305:  # poles, and overflow
        return INFINITY
    return math.lgamma(x)


# Polygamma functions: psi_n(x), the n-th derivative of psi(x) = d/dx log(gamma(x)).
#
# From gamma(x + 1) = x gamma(x) follows (DLMF 5.5.2, 5.15.5; Abramowitz & Stegun 6.3.5, 6.4.6)
#     psi_n(x) = psi_n(x + 1) - (-1)^n n! / x^(n+1)
# which, applied until x is large, leads to the asymptotic series (DLMF 5.11.2, 5.15.8;
# Abramowitz & Stegun 6.3.18, 6.4.11) in the Bernoulli numbers B_2k
#     psi(x)   ~ log(x) - 1/(2x) - sum_k B_2k / (2k x^2k)
#     psi_n(x) ~ -(-1)^n [(n-1)!/x^n + n!/(2 x^(n+1)) + sum_k B_2k (2k+n-1)!/((2k)! x^(2k+n))]
# With x >= 10 + n and eight terms, the first term left out is below 1e-16 of the sum for
# n <= 3, and still near it for larger n.
#
# For x < -1/2 the steps would be too many. The reflection (DLMF 5.5.4, differentiated n times)
#     (-1)^n psi_n(1 - x) - psi_n(x) = pi d^n/dx^n cot(pi x)
# has a right side of period 1, hence the same left side at r = x - rint(x), where |r| <= 1/2:
#     psi_n(x) = psi_n(r) + (-1)^n (psi_n(1 - x) - psi_n(1 - r))
# and all three are in reach of the recurrence, which holds for negative r too.

_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)


@formula
def _digamma_by_recurrence(x):
    steps = 0.0
    while x < 10.0:
        steps -= 1.0 / x
        x += 1.0
    per_square = 1.0 / (x * x)
    power = per_square
    series, order = 0.0, 2.0  # a float, since an integer would make single precision double
    for bernoulli in _BERNOULLI:
        series += bernoulli * power / order
        power *= per_square
        order += 2.0
    return steps + (np.log(x) - 0.5 / x - series)


@formula
def digamma(x):
    nearest = np.rint(x)
    if x < 0.0 and x == nearest:
        return NAN
    if x >= -0.5:
        return _digamma_by_recurrence(x)
    r = x - nearest
    return _digamma_by_recurrence(r) + (
        _digamma_by_recurrence(1.0 - x) - _digamma_by_recurrence(1.0 - r)
    )


@formula
def _polygamma_by_recurrence(n, x):
    steps = 0.0
    while x < 10.0 + n:
        steps += x ** (-n - 1.0)
        x += 1.0
    # The series over (n-1)!/x^n: its factors (2k+n-1)! / ((n-1)! (2k)! x^2k) follow one another.
    per_square = 1.0 / (x * x)
    factor = 0.5 * n * (n + 1.0) * per_square
    series, m = 1.0 + 0.5 * n / x, 2.0
    for bernoulli in _BERNOULLI:
        series += bernoulli * factor
        factor *= (m + n) * (m + n + 1.0) / ((m + 1.0) * (m + 2.0)) * per_square
        m += 2.0
    total = gamma(n) * (n * steps + x ** (-n) * series)
    return total if n % 2.0 == 1.0 else -total


@formula
def polygamma(n, x):
    if n == 0.0:
        return digamma(x)
    if n < 0.0 or n != np.floor(n):
        return NAN
    if x >= -0.5:
        return _polygamma_by_recurrence(n, x)
    r = x - np.rint(x)
    parity = 1.0 if n % 2.0 == 0.0 else -1.0
    return _polygamma_by_recurrence(n, r) + parity * (
        _polygamma_by_recurrence(n, 1.0 - x) - _polygamma_by_recurrence(n, 1.0 - r)
    )


# The n-th derivative of sinc(x) = sin(pi x) / (pi x), accurate near 0 at every order.
#
# With t = pi x and f = sin(t) / t, differentiate t f = sin(t) n times:
#     t f_n + n f_(n-1) = sin_n(t),   so   f_n = (sin_n(t) - n f_(n-1)) / t
# which loses nothing for |t| > n. Nearer to 0, differentiate the Taylor series instead:
#     f_n = sum over 2k >= n of (-1)^k t^(2k-n) / ((2k+1) (2k-n)!)


@formula
def sinc_derivative(n, x):
    t = 3.141592653589793 * x
    if abs(t) < n + 1.0:
        k = (n + 1.0) // 2.0
        power = 2.0 * k - n  # 0 or 1, and two more each term
        term = (1.0 - 2.0 * (k % 2.0)) * (t if power == 1.0 else 1.0 + 0.0 * t)
        f = 0.0 * t
        for _ in range(20 + 2 * int(n)):
            f += term / (power + n + 1.0)
            term *= -t * t / ((power + 1.0) * (power + 2.0))
            power += 2.0
    else:
        turn = 3.141592653589793 * (x - 2.0 * np.rint(0.5 * x.real))  # exact but for pi
        s, c = np.sin(turn), np.cos(turn)
        f = s / t
        m = 1.0
        while m <= n:
            s, c = c, -s
            f = (s - m * f) / t
            m += 1.0
    return f * 3.141592653589793**n


@formula
def one_minus_square(x):
    """Return 1 - x**2 without cancellation near +-1; its rule, without any near 0.

    Subtracting -1 keeps the sign of an imaginary part that is 0, by which a number lies on one side
    of a branch cut or the other; adding 1 would not.
    """
    return (-x - (-1.0)) * (x - (-1.0))


@formula
def sech(x):
    return np.reciprocal(np.cosh(x))


@formula
def expit(x):
    """Return the logistic function 1 / (1 + exp(-x)), whose exp never overflows."""
    if x < 0.0:
        e = np.exp(x)
        return e / (1.0 + e)
    return 1.0 / (1.0 + np.exp(-x))


@formula
def direction(x, y, r):
    """Return x / r with r = hypot(x, y), sound where r is tiny, huge or inf; 0 at the origin."""
    if 1e-30 < r < 1e30:
        return x / r
    if np.isinf(x) or np.isinf(y):
        x = np.copysign(1.0 if np.isinf(x) else 0.0, x)
        y = np.copysign(1.0 if np.isinf(y) else 0.0, y)
    scale = 1.2676506002282294e30 if r < 1.0 else 7.888609052210118e-31  # 2**100, 2**-100
    scaled = np.hypot(x * scale, y * scale)
    return x * scale / scaled if scaled != 0.0 else 0.0 * scaled


@formula
def power_log(x, y, k):
    """Return x**y * log(x)**k, 0 where x**y is: the k-th derivative of x**y in y."""
    power = x**y
    return power if power == 0.0 else power * np.log(x) ** k


# At a kink the first derivative is a convention, and it has no derivative: the rules of these say
# nan. At first order, where no rule of theirs is asked for, they are the numbers they return.


@formula
def side(x):
    """Return the sign of x as the slope of its absolute value."""
    return np.sign(x)


@formula
def undefined(x):
    """Return 0 as what is not defined where x is 0."""
    return 0.0 * x


@formula
def unit(z, r):
    """Return z / r, where r is its absolute value; 0 at the origin."""
    return z / r if r != 0.0 else 0.0 * z


@formula
def either(x, y):  # noqa: ARG001
    """Return x, which equals y, and whose derivative is half of each."""
    return x


@formula
def tied(x, y):  # noqa: ARG001
    """Return x, which equals y, and whose second derivative is theirs if they agree."""
    return x


@formula
def difference(d):  # noqa: ARG001
    """Return -0.0, which can be added to any number, for the difference d of two that are tied."""
    return -0.0


@formula
def difference_of_slopes(d, slope):  # noqa: ARG001
    """Return 0.0 for the slope of the difference: it counts at higher orders alone."""
    return 0.0


@formula
def undecided(d):  # noqa: ARG001
    """Return 0.0 for the slope of the difference backward, where higher orders don't know it."""
    return 0.0
