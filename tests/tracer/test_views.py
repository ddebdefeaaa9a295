"""Views, copies, orders and writes in place: traced arrays do what NumPy's arrays do.

Random programs of such statements are run on plain arrays and on traced ones. What they compute,
its derivatives by differences, which variables are the same object or share memory, and how they
lie in memory must agree.
"""

import copy
import random
import re
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose

import numgrad

X = np.array([0.7, 1.3, 0.4, 2.1])

# a, b: arrays there are; s, t: numbers with derivatives or arrays of them; k: an index
NEW = """
np.zeros((2, 3))
np.zeros((3, 2), order="F")
np.zeros((2, 2), complex)
np.zeros(4, np.complex128)
np.ones((2, 3, 2))
np.full((2, 2), s)
np.full(3, s, order="F")
np.array([[s, 1.0], [t, s]])
np.array([s, 2.0, t], complex)
np.array([[0.5, 0.25, 0.125], [2.0, 4.0, 8.0]])
np.full_like(a, s)
np.zeros_like(a)
np.ones_like(a.T)
x[:3]
x.reshape(2, 2)
x
x * s
""".strip().splitlines()
TAKEN = """
a.T
a.real
a.imag
np.real(a)
np.imag(a)
np.real_if_close(a)
a[::2]
a[1:]
a[..., 0]
a[:, ::-1]
a[:, 1:]
a[None]
a[...]
a.reshape(-1)
a.reshape(-1, order="F")
a.reshape(2, -1)
a.ravel()
a.ravel("F")
np.ravel(a, order="K")
np.reshape(a, (-1, 2), order="F")
np.transpose(a)
a.transpose()
a.swapaxes(0, 1)
np.moveaxis(a, 0, -1)
a.diagonal()
np.diag(a)
np.squeeze(a)
a.squeeze()
np.atleast_1d(a)
np.atleast_2d(a)
np.expand_dims(a, 1)
np.broadcast_to(a, (2, *a.shape))
np.split(a, 2)[1]
np.array_split(a, 2)[0]
np.flip(a)
np.rot90(a)
a.view()
np.asarray(a)
np.asanyarray(a)
np.asarray(a, order="F")
np.ascontiguousarray(a)
np.asfortranarray(a)
np.array(a)
np.array(a, copy=None)
np.array(a, order="F")
np.array(a, copy=None, ndmin=2)
np.require(a, None, ["F"])
np.require(a, np.float64, ["C", "W"])
np.copy(a)
np.copy(a.T)
a.copy()
a.copy("K")
a.T.copy("K")
a.flatten()
a.astype(a.dtype)
a.astype(np.complex128)
a.astype(a.dtype, copy=False)
a.conj()
np.conj(a)
np.nan_to_num(a, copy=False)
np.nan_to_num(a)
np.einsum("ij->ji", a.real)
copy.copy(a)
copy.deepcopy(a)
np.lib.stride_tricks.sliding_window_view(a, 2, 0)
a * 2.0
a + a.T
np.sort(a, axis=0)
np.max(a.T, axis=0, keepdims=True)
np.where(a.real > 0.511739, a, s)
np.concatenate([a, a])
np.diff(a, n=0)
np.clip(a.real, 0.11, 3.01)
a[[1, 0]]
a[a.real > 0.311739]
np.broadcast_arrays(a, a.T)[1]
np.atleast_2d(a, x)[0]
a.view(np.float64)
+a
""".strip().splitlines()
WRITES = """
a[...] = s
a[0] = s
a[0] = t * s
a[-1, k] = s * t
a[k] *= s
a[1:] = a[:-1]
a[1:] += a[:-1] * s
a += s
a -= b
a *= b
a /= 2.0
a[0] = b[0]
a[:] = b
a[::-1] = a
a[[0, 1]] = a[[1, 0]]
a[a.real > 0.511739] = s
a[a.real > 0.511739] *= t
a.flat[k] = s
a.flat[1:3] = [s, t]
a.flat[1:] = b.flat[0]
a.flat = b
a.flat[[0, 2]] = s
a.real = s
a.imag = t
a.real[k] = s
a.imag[0] = s * t
a.imag[...] += b.real
np.real(a)[k] = t
np.put(a, [0, 2], [s, t])
np.put(a, 1, s)
a.put([0, -1], s)
np.place(a, a.real > 0.211739, [s, t])
np.putmask(a, a.real < 0.9131739, b)
np.putmask(a, a.real < 0.9131739, s)
np.copyto(a, b)
np.copyto(a, s, where=a.real > 0.311739)
np.fill_diagonal(a, s)
np.fill_diagonal(a, t, wrap=True)
np.put_along_axis(a, np.array([[0]]), s, 0)
a.fill(s)
a.sort()
a.sort(axis=0)
a.partition(1)
np.add(a, b, out=a)
np.multiply(a, s, out=b)
np.multiply(b, s, out=a, where=b.real > 0.511739)
np.add(a[1:], a[:-1], out=a[1:])
if a.flags.writeable: np.add.at(a, [0, 0, 1], s)
if a.flags.writeable: np.multiply.at(a, 0, t)
if a.shape == b.shape: np.cumsum(b, 0, None, a)
if a.shape == b.shape: np.cumsum(b, axis=0, out=a)
np.clip(b, 0.21, 1.51, out=a)
np.negative(b, out=a)
np.nan_to_num(a, copy=False)
np.take(b, [0, 0], axis=0, out=a)
np.dot(b, b, out=a)
a.shape = (-1,)
a[k] = x[k]
a[1] = [s]
a.T[0] = s
a.reshape(-1)[k] = s
a.ravel()[k] = s * t
np.ravel(a, "K")[k] = s
np.asarray(a)[0] = t
np.ascontiguousarray(a)[0] = t
np.asfortranarray(a)[0] = s
np.array(a, copy=None)[0] = s
np.nan_to_num(a, copy=False)[0] = s
a.astype(a.dtype, copy=False)[0] = s
for i, e in np.ndenumerate(a): a[0] += e * s
for e in a.flat: a[-1] += 0.1 * e
for row in a: row += s
""".strip().splitlines()
NUMBERS = ("x[0]", "x[1]", "x[2] * x[3]", "x[1:2][0]", "0.75", "x[3] ** 2")


def statement(rng, names):
    """Return a random line, and the variable that it assigns, if it does."""
    kinds = [NEW] if not names else [NEW, TAKEN, TAKEN, TAKEN, WRITES, WRITES, WRITES]
    kind = rng.choice(kinds)
    text, new = rng.choice(kind), None
    chosen = {
        "a": rng.choice(names[-3:] if names else ["x"]),
        "b": rng.choice(names or ["x"]),
        "s": rng.choice(NUMBERS),
        "t": rng.choice(NUMBERS),
        "k": str(rng.randrange(3)),
    }
    for letter, replacement in chosen.items():
        text = re_word(letter, replacement, text)
    if kind is not WRITES:
        new = f"v{len(names)}"
        text = f"{new} = {text}"
    return text, new


def re_word(letter, replacement, text):
    return re.sub(rf"(?<![\w.\"']){letter}(?![\w\"'=(])", replacement, text)


def program(seed, length=9):
    """Return the source of a random function: statements that raise nothing are kept."""
    rng, names, lines = random.Random(seed), [], []
    while len(lines) < length:
        line, new = statement(rng, names)
        source = written([*lines, line], names + [new] * (new is not None))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                value = compiled(source)(X.copy())
        except (ValueError, TypeError, IndexError, AttributeError, Warning):
            continue
        are_arrays = all(shape for shape, *_ in NOTES.pop()[: len(names) + 1 + (new is not None)])
        if are_arrays and np.isfinite(value).all() and np.abs(value).max(initial=0.0) < 1e3:
            lines.append(line)
            names += [new] * (new is not None)
    return written(lines, names)


def written(lines, names):
    body = "\n    ".join(lines)
    return f"def f(x):\n    {body}\n    everything = [x, {', '.join(names)}]\n" + END


END = """\
    note(everything)
    return np.concatenate([part.ravel() for v in everything for part in (v.real, v.imag)])
"""
NOTES = []


def note(arrays):
    """Keep what can be told of arrays apart from their values."""
    NOTES.append(
        [(a.shape, a.dtype, a.flags.c_contiguous, a.flags.f_contiguous) for a in arrays]
        + [(a is b, np.shares_memory(a, b)) for a in arrays for b in arrays]
        + [a.flags.writeable for a in arrays]
    )


def different(notes, others):
    return [(k, a, b) for k, (a, b) in enumerate(zip(notes, others, strict=True)) if a != b]


def compiled(source):
    names = {"np": np, "copy": copy, "note": note}
    exec(compile(source, "<program>", "exec"), names)
    return names["f"]


def differences(f, x, h=1e-4):
    """The Jacobian to the fourth order."""
    columns = []
    for direction in np.eye(x.size) * h:
        a, b, c, d = (f(x + k * direction) for k in (-2, -1, 1, 2))
        columns.append((a - 8 * b + 8 * c - d) / (12 * h))
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("first", range(0, 200, 20))
def test_random_programs(first):
    for seed in range(first, first + 20):
        check(program(seed))


def test_second_derivatives_of_random_programs():
    for seed in range(1000, 1008):
        f = compiled(program(seed))
        total = lambda x: np.sum(f(x) ** 2)  # noqa: B023, E731 - called in this turn
        gradient = numgrad.grad(total, jit=False)
        slopes = differences(lambda x: gradient(x.copy()), X)  # noqa: B023
        assert_allclose(numgrad.hessian(total, jit=False)(X.copy()), slopes, rtol=1e-5, atol=1e-4)


def test_orders_of_new_arrays():
    def f(x):
        a = np.zeros((2, 3, 2)).transpose(2, 0, 1)
        made = [np.empty_like(a), np.empty_like(x.reshape(2, 2).T), np.empty((2, 3), order="F")]
        note(made)
        return x

    f(X)
    numgrad.jacobian(f, jit=False)(X)
    assert NOTES.pop() == NOTES.pop()


def test_parts_of_single_precision():
    def f(x):
        z = np.zeros(2, np.complex64)
        z.real[0] = x[0]
        z.imag = x
        assert z.dtype == np.complex64
        assert z.real.dtype == z.imag.dtype == np.float32
        assert (z.itemsize, z.nbytes, z.strides, z.real.strides) == (8, 16, (8,), (8,))
        return z.real * z.imag[::-1], z * z

    x = np.array([1.5, 2.0], np.float32)
    product, square = numgrad.jacobian(f, jit=False)(x)
    assert (product.dtype, square.dtype) == (np.float32, np.complex64)
    assert_allclose(product, [[2.0, 1.5], [0.0, 0.0]])
    assert_allclose(square, [[6j, 0.0], [0.0, -4.0]])


def check(source):
    f = compiled(source)
    NOTES.clear()
    expected, plain = f(X.copy()), None
    plain = NOTES.pop()
    slopes = differences(f, X)
    x = X.copy()
    try:
        value, _ = numgrad.jvp(f, (x,), (np.ones(4),), jit=False)
        told = different(NOTES.pop(), plain)
        assert not told, told
        result = numgrad.jacobian(f, jit=False)(X.copy())
    except Exception as error:
        error.add_note(source)
        raise
    assert_allclose(value, expected, rtol=1e-13, atol=1e-14, err_msg=source)
    assert_allclose(result, slopes, rtol=1e-6, atol=1e-6, err_msg=source)
    left = X.copy()
    f(left)
    assert_allclose(x, left, rtol=1e-13, err_msg=source)
