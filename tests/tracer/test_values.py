"""Values of derivatives in plain Python: those of the function itself, to the last bit."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import numgrad

VECTORS = """
np.sum(v); v[::-2].mean(); np.std(v); np.var(v[1::3]); v @ v; v[::-2] @ v[::2]; np.linalg.norm(v)
np.convolve(v[:60], v[:60]); np.add.reduceat(v, [0, 50]); np.average(v, weights=v); np.nanmean(v)
np.broadcast_to(v, (3, 131)).sum(); np.sum(v[:130].reshape(10, 13)[::-1, ::-3].T)
np.sum([each for each in v]); np.mean([v[0], v[1], v[2]])
np.lib.stride_tricks.sliding_window_view(v, 40).sum(); np.polyval(v[:5], v); np.trapezoid(v)
v**3; abs(v) ** 1.3; 2.0**v; abs(v[3]) ** 1.7; v[3] ** 3; np.exp(v[::3]); np.sin(v); np.tanh(v[5])
"""
REAL = """
math.fsum(v); math.fsum(each.item() for each in v); sum([each.item() for each in v])
math.hypot(v[1], v[2]); math.hypot(v[1], v[2], v[3]); math.dist((v[0], v[1]), (v[2], v[3]))
np.sum(v.astype(np.float32)); math.exp(v[3]); math.sin(v[3].item()); math.lgamma(abs(v[3]))
math.log(abs(v[4]), 3.0); v[3].item() ** 3; math.tanh(v[3].item()); np.sin(v[3].item())
abs(v[3].item()) ** v[4].item(); divmod(v[3].item(), v[4].item()); np.logaddexp.reduce(v)
np.hypot(v, 0.3); np.log1p(abs(v)); np.quantile(v, 0.3); np.arange(v[0], v[0] + 9.0, 0.1)
"""
MATRICES = """
m @ m; m @ m.T; m.T @ m; m[0] @ m; m @ m[::2].T; np.dot(m, m.T); np.inner(m, m); np.tensordot(m, m)
np.einsum('ij,jk', m, m); np.einsum('ij->i', m); m.sum(0); m.T.sum(0); m[:, ::2].sum(); m.mean(1)
np.linalg.det(m); np.linalg.inv(m); np.linalg.solve(m, m[0]); np.linalg.norm(m, axis=1)
np.cumsum(m, 1); np.trace(m); np.vdot(m, m); np.asfortranarray(m).mean(0); (m * 2.0 + m.T).sum()
"""
RNG = np.random.default_rng(0)
VECTOR, SQUARE = RNG.normal(size=131), RNG.normal(size=(8, 8))
GIVEN = {
    "v": [VECTOR, VECTOR + 1j * RNG.normal(size=131)],
    "m": [SQUARE, SQUARE.T, np.repeat(SQUARE, 2, 1)[:, ::2], SQUARE + 1j * SQUARE.T],
}


def listed(text):
    return [each.strip() for each in text.replace("\n", ";").split(";") if each.strip()]


def made(name, expression):
    space = {"np": np, "math": math}
    exec(f"def f({name}):\n    return {expression}\n", space)
    return space["f"]


CASES = [
    *(("v", each, GIVEN["v"]) for each in listed(VECTORS)),
    *(("v", each, GIVEN["v"][:1]) for each in listed(REAL)),
    *(("m", each, GIVEN["m"]) for each in listed(MATRICES)),
]


@pytest.mark.parametrize(("name", "expression", "given"), CASES, ids=[c[1] for c in CASES])
def test_values_to_the_last_bit(name, expression, given):
    f = made(name, expression)

    def slope(x, dx):
        return numgrad.jvp(f, (x,), (dx,), jit=False)

    for x in given:
        value = f(x)
        assert_array_equal(slope(x, x)[0], value)
        (inner, _), _ = numgrad.jvp(lambda x: slope(x, x), (x,), (x,), jit=False)
        assert_array_equal(inner, value)


@pytest.mark.parametrize("jit", [True, False])
def test_out_with_elements_in_one_place(jit):
    f = numgrad.grad(lambda x: x[0] * x[1], jit=jit)
    strided = np.lib.stride_tricks.as_strided
    for out in (strided(np.zeros(1), (2,), (0,)), strided(np.zeros(2), (2,), (4,))):
        with pytest.raises(ValueError, match="out has several elements in one place of memory"):
            f(np.array([2.0, 3.0]), out=out)
        assert not out.any()
    out = np.zeros(4)
    f(np.array([2.0, 3.0]), out=out[::-2])
    assert out.tolist() == [0.0, 2.0, 0.0, 3.0]
    both = numgrad.grad(lambda x, y: x[0] * y[1], argnums=(0, 1), jit=jit)
    with pytest.raises(ValueError, match="out holds arrays that share memory"):
        both(np.ones(2), np.ones(2), out=(out[:2], out[1:3]))
    assert out.tolist() == [0.0, 2.0, 0.0, 3.0]


def test_whole_arguments_in_lists_and_keywords():
    def step(x, held, *, seen):
        held[0][0] += 1.0
        held.append(x)
        seen["last"] = len(held)
        return x * held[0][0]

    for derived, expected in (
        (numgrad.derivative(step, jit=False), [1.0, 1.0, 1.0]),
        (numgrad.vmap(step, in_axes=(0, None), jit=False), [0.0, 1.0, 2.0]),
    ):
        table, seen = np.zeros(2), {}
        held = [table]
        found = derived(np.arange(3.0), held, seen=seen)
        assert_array_equal(found, expected)
        assert held[0] is table
        assert (len(held), held[1], seen, table.tolist()) == (2, 2.0, {"last": 2}, [1.0, 0.0])


def test_float_keeps_derivatives():
    """Where a function only calls `float`; a class it stays where it is used as one."""

    def f(x):
        return float(np.sum(x * x)) * float(x[0]) + float("2.5") + float(x[:1].size)

    assert_allclose(numgrad.grad(f, jit=False)(np.array([2.0, 3.0])), [21.0, 12.0])
    value, slope = numgrad.value_and_grad(lambda x: float(x[0]) / 3, jit=False)(np.float32([2.0]))
    assert value == 2.0 / 3
    assert slope.dtype == np.float64  # as the result

    def as_class(x):
        return np.zeros(2, dtype=float)[0] + float(x[0]) if isinstance(x[0], float) else x[0]

    with pytest.raises(numgrad.DifferentiationError, match="lost in a float"):
        numgrad.grad(as_class, jit=False)(np.array([2.0, 3.0]))
    z = np.array([2.0 + 1.0j])
    with pytest.warns(np.exceptions.ComplexWarning):
        found = numgrad.jvp(lambda z: float(z[0]) ** 2, (z,), (2j * z,), jit=False)
    assert found == (4.0, -8.0)
    with pytest.raises(TypeError, match="can be converted to Python scalars"):
        numgrad.grad(lambda x: float(x), jit=False)(np.array([2.0, 3.0]))
