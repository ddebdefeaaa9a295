"""Powers with integer exponents: the products that Numba multiplies for a float too.

Their slopes are products as well, and so they are exact at 0 at every order.
"""

from functools import cache
from typing import Any

from numgrad.numbers.conversions import converted_like

LARGEST = 0x10000  # the exponent from which on Numba itself takes x**float(n) for x**n


@cache
def literal_power(n):
    """Return the body of a rule for x**n, written out as multiplications.

    That of x**5, with its common factors found by LLVM:

        return (x * x4), 5.0 * (x4)      where x2 = x * x, x4 = x2 * x2
    """
    if n == 0:
        return zeroth_power
    highest = max(abs(n), abs(n - 1)).bit_length()
    squares = [f"    x{2 << k} = {factor(1 << k)} * {factor(1 << k)}" for k in range(highest - 1)]
    if n > 0:
        returned = [f"    return {product(n)}, {float(n)} * {product(n - 1)}"]
    else:
        returned = [f"    y = 1.0 / {product(-n)}", f"    return y, {float(n)} * y / x"]
    namespace: dict[str, Any] = {"__name__": __name__}
    exec("\n".join(["def power(x):", *squares, *returned]), namespace)
    return namespace["power"]


def product(n):
    """Return the source of x**n as a product of powers of two, in the order Numba takes."""
    factors = [factor(1 << k) for k in range(n.bit_length()) if n >> k & 1]
    return f"({' * '.join(factors)})" if factors else "1.0"


def factor(k):
    return "x" if k == 1 else f"x{k}"


def zeroth_power(x):
    return converted_like(x, 1.0), converted_like(x, 0.0)


def integer_power(x, n):
    """Return x**n and its slope, where n is known only when the program runs.

    At 0 a negative power is infinite: Numba's operator, which raises there, is not asked.
    """
    slope = converted_like(x, 0.0)
    if n <= 0 and x == 0.0:
        if n == 0:
            return x**n, slope
        return 1.0 / x ** (-n), converted_like(x, n) / x ** (1 - n)
    if n != 0:
        slope = converted_like(x, n) * x ** (n - 1)
    return x**n, slope
