"""Every entry of the table in a kernel: the code generated for it, run on the host."""

import math
import operator
import re

import numpy as np
import pytest

from numgrad import Dual
from numgrad.rules import registry, special

pytest.importorskip("numba.cuda.core", reason="needs the extra cuda")

from tests.targets.cuda_on_host import HostKernel, cuda, no_device

POINTS = [0.3, 0.7, 1.0, -0.4, 2.5]
OTHERS = {"divmod", "modf", "frexp", "heaviside"}  # they return tuples, or plain numbers
FUNCTIONS = {
    f"{getattr(function, '__module__', '')}.{rule.name}": (function, rule)
    for function, rule in registry.TABLE.items()
    if rule.kind != "piecewise_constant" and rule.name not in OTHERS
}


def kernel_of(function, arguments):
    """Return a kernel that stores value and partial of a function at every point."""
    names = {"cuda": cuda, "function": function, "Dual": Dual}
    source = f"""
def kernel(x, results):
    i = cuda.grid(1)
    if i < x.size:
        number = function({arguments})
        results[i, 0] = number.value
        results[i, 1] = number.partials[0]
"""
    exec(source, names)
    return names["kernel"]


def arguments_of(rule):
    """Return the source of arguments: duals of the point and of others."""
    point = "Dual(x[i], x[0] / x[0])"
    special = {"ldexp": f"{point}, 3", "where": f"x[i] > x[0], {point}, Dual(x[4 - i], x[1])"}
    several = [point, "Dual(x[4 - i] + x[2], x[1])", "Dual(x[i] * x[i], x[0])"]
    return special.get(rule.name, ", ".join(several[: rule.arity]))


def in_python(rule, arguments, x):
    """Return what duals of Python give; nan where Python itself refuses."""
    function = rule.functions[0]  # the spelling that takes duals
    expected = np.full((x.size, 2), np.nan, x.dtype)
    code = compile(f"function({arguments})", "arguments", "eval")
    for i in range(x.size):
        try:
            with np.errstate(all="ignore"):
                number = eval(code, {"function": function, "Dual": Dual, "x": x, "i": i})
        except (ValueError, OverflowError):
            continue
        expected[i] = number.value, number.partials[0]
    return expected


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_entry(name):
    function, rule = FUNCTIONS[name]
    x, arguments = np.array(POINTS), arguments_of(rule)
    results = np.zeros((x.size, 2))
    with no_device():
        HostKernel(kernel_of(function, arguments), (x, results))((2,), (3,), x, results)
    expected = in_python(rule, arguments, x)
    known = ~np.isnan(expected)
    if rule.name == "undecided":  # which is nothing else
        known[:] = True
    assert known.any()
    np.testing.assert_allclose(results[known], expected[known], rtol=1e-13, atol=1e-300)


# Of trigonometric functions CUDA's own library reduces large arguments in double precision.
SINGLE = [
    *(operator.mul, operator.truediv, np.exp, np.log, np.sqrt, np.hypot),
    *(math.tanh, math.pow, math.gamma, special.digamma),
]


@pytest.mark.parametrize("function", SINGLE)
def test_single_precision_stays_single(function):
    arguments = arguments_of(registry.TABLE[function])
    x = np.abs(np.array(POINTS, np.float32))
    results = np.zeros((x.size, 2), np.float32)
    with no_device():
        kernel = HostKernel(kernel_of(function, arguments), (x, results))
    kernel((2,), (3,), x, results)
    expected = in_python(registry.TABLE[function], arguments, x)
    np.testing.assert_allclose(results, expected, rtol=1e-6)
    (ptx,) = kernel.code.library.get_asm_strs(cc=(9, 0))
    assert not re.findall(r"\.f64\b", ptx)
