"""Arrays of duals lie in memory as the arrays of floats that they stand for.

Each expression is compiled by Numba on floats and on duals; both must give the same layout in the
type, the same shape and strides, and share memory with the argument or not. Numba says how it
should be: a copy where it returns a view, or the other way round, is a wrong derivative as soon as
the program writes to it.
"""

import ast

import numpy as np
import pytest
from numba import njit
from numba.core import cgutils, types
from numba.extending import intrinsic
from numpy.lib.stride_tricks import as_strided, sliding_window_view
from numpy.testing import assert_allclose

import numgrad
from numgrad.numbers.layouts import allocated_like, of_any_layout

FACTS = ("layout", "writable", "dimensions", "shares", *(f"length {k}" for k in range(4)))
FACTS += tuple(f"stride {k}" for k in range(4))


@intrinsic
def facts_of(typingctx, memory, array):
    """Return the layout in the type of an array and how it lies in memory, strides in items."""
    result = types.UniTuple(types.int64, len(FACTS))

    def codegen(context, builder, sig, arguments):
        source, view = (
            context.make_array(kind)(context, builder, argument)
            for kind, argument in zip(sig.args, arguments, strict=True)
        )
        word = context.get_value_type(types.int64)
        start, place = (builder.ptrtoint(each.data, word) for each in (source, view))
        end = builder.add(start, builder.mul(source.nitems, source.itemsize))
        is_inside = builder.and_(
            builder.icmp_unsigned(">=", place, start), builder.icmp_unsigned("<", place, end)
        )
        known = "CFA".index(array.layout), int(array.mutable), array.ndim
        known = [context.get_constant(types.int64, each) for each in known]
        absent = [context.get_constant(types.int64, -1)] * (4 - array.ndim)
        shape = cgutils.unpack_tuple(builder, view.shape, array.ndim)
        strides = [
            builder.sdiv(each, view.itemsize)
            for each in cgutils.unpack_tuple(builder, view.strides, array.ndim)
        ]
        facts = [*known, builder.zext(is_inside, word), *shape, *absent, *strides, *absent]
        return context.make_tuple(builder, result, facts)

    return result(memory, array), codegen


@njit
def note(table, row, facts):
    for k in range(table.shape[1]):
        table[row, k] = facts[k]


# What the names in the expressions stand for: views of `memory`, which is made anew for each.

C = """
a = memory[:9].reshape(3, 3); b = memory[9:18].reshape(3, 3); c = memory[:24].reshape(2, 3, 4)
v = memory[:4]; w = memory[4:8]; row = memory[:3].reshape(1, 3); e = memory[:0].reshape(0, 3)
h = positive(memory); o = memory[30:34]
"""

F = """
a = memory[:9].reshape(3, 3).T; b = memory[9:18].reshape(3, 3).T
c = memory[:24].reshape(4, 3, 2).T; v = memory[:4]; w = memory[4:8]
row = memory[:3].reshape(3, 1).T; e = memory[:0].reshape(3, 0).T; h = positive(memory).T
q = memory[20:29].reshape(3, 3).T
"""

A = """
a = memory[:36].reshape(6, 6)[::2, ::-2]; b = memory[:36].reshape(6, 6)[1::2, ::2]
c = memory[:48].reshape(2, 3, 8)[:, :, ::2]; v = memory[:8:2]; w = memory[8:0:-2]
row = memory[:6].reshape(1, 6)[:, ::2]; e = memory[:9].reshape(3, 3)[3:, ::-1]
h = positive(memory)[:, :]; q = memory[:36].reshape(6, 6)[:3, ::2]; o = memory[30:38:2]
"""

CONSTANTS = """
K = np.array([[2.0, 1.0, 0.5], [0.1, 3.0, 0.2], [0.3, 0.4, 5.0]]); s = np.array([0.1, 0.4, 0.7])
m = np.array([True, False, True, True]); i = np.array([0, 2]); p = np.array(0.5)
"""


@njit
def positive(memory):
    a = memory[:9].reshape(3, 3)
    return a + a.T + 9.0 * np.eye(3)


# The expressions: the first of each pair where layouts are decided by a rule of their own, one of
# each kind, the second all others.

QUICK_C = """
np.asarray(v); np.ascontiguousarray(v[0]); np.asfortranarray(row); a.T.ravel(); K[::-1].T + a
"""

MORE_C = """
np.add(v, w, o)
np.ascontiguousarray(a); np.asfortranarray(a); np.asfortranarray(v); np.asfortranarray(v[0])
np.copy(v[0]); K.T * v[0]; np.clip(v, 0.2, 0.6, o); a + b[::-1].T; row + p
"""

QUICK_F = """
np.asarray(a); np.asarray(a, np.float32); np.copy(a); np.zeros_like(c)
np.nan_to_num(a, copy=False); np.where(a > 0.5, a, b); a @ K; a + b.T; a + row; a * b + 1.0
"""

MORE_F = """
np.full_like(a, v[0]); np.clip(a, K, 2.0); np.concatenate((a, K)); np.linalg.inv(h); a.copy()
np.asfortranarray(a); a.reshape(3, 3); np.where(a > 0.5, a, K); np.where(True, a, b)
np.clip(a, None, 0.6); np.round(a, 1); np.divmod(a, b)[1]; np.linalg.solve(h, v[:3]); a + b[::-1]
a + p; a > b
np.linalg.qr(h)[0]; np.linalg.solve(h, b)
np.asarray(c); np.asarray(e); np.asarray(a, np.float64); np.ascontiguousarray(a)
np.ascontiguousarray(row); np.asarray_chkfinite(a); np.copy(c); np.copy(e); a.astype(np.float32)
np.zeros_like(a); np.zeros_like(a, dtype=np.float64); np.ones_like(a); np.empty_like(c)
np.nan_to_num(a); np.nan_to_num(v, copy=False); np.conj(a); a.T; c.ravel(); a.flatten()
np.ravel(v); np.flip(a); np.expand_dims(a, 1); np.broadcast_to(a, (2, 3, 3)); np.diag(a)
np.where(a > 0.5, a, 1.0); np.clip(a, 0.2, 0.6); np.clip(a, 0.2, 0.6, q); a.clip(0.2, 0.6)
np.sort(v); np.cumsum(a); np.cumsum(a, axis=1); np.concatenate((a, b)); np.hstack((a, b))
np.stack((a, b)); np.repeat(a, 2); np.dot(a, b); np.kron(a, K); np.kron(K, a); np.cross(a, b)
np.tril(a); np.append(a, b); np.extract(a > 0.5, a); np.interp(a, s, s); np.diff(a)
np.vander(v, 3); np.cov(a); np.linalg.cholesky(h); np.linalg.eigh(h)[1]
np.linalg.lstsq(h, b)[0]; np.linalg.pinv(h); np.linalg.qr(h)[1]
np.linalg.solve(K, b); np.linalg.solve(K, v[:3]); np.linalg.svd(h)[0]; np.linalg.svd(h)[2]
np.add(a, b); np.add(a, K); np.sin(c); np.sin(e); a[::-1] + b; a + v[:3]; 2.0 * a; a * v[0]; -a
a ** 2; np.exp(a) * b + row; np.floor(a); a[0]; a[:, 0]; a[:, i]; a[i]
"""

QUICK_A = """
np.asarray(v); np.ascontiguousarray(a); np.asfortranarray(a); np.nan_to_num(v, copy=False)
v.ravel(); np.clip(v, 0.2, 0.6, o); np.maximum(a, b); as_strided(v, (2,), (v.itemsize,))
"""

MORE_A = """
np.where(m, v, w); np.copy(a)
np.zeros_like(a); np.trim_zeros(v); a + row
np.asarray(a); np.asfortranarray(v); np.copy(v); a.astype(np.float32); np.empty_like(v)
np.full_like(c, v[0]); np.ravel(a); v.flatten(); np.asarray_chkfinite(v); np.clip(v, 0.2, 0.6)
np.sort(v); np.cumsum(v); a @ b; np.append(v, w); np.interp(v, s, s)
np.correlate(v[:3], w, "full"); np.linalg.inv(h); np.linalg.solve(h, v[:3]); a + b; v * 2.0
np.sin(v); v[m]; sliding_window_view(v, 2); np.add(a, b, q); v[None]; a.T; v.copy()
"""

TABLES = {"C": (C, QUICK_C, MORE_C), "F": (F, QUICK_F, MORE_F), "A": (A, QUICK_A, MORE_A)}
TOGETHER = 28  # expressions to compile as one function
MEMORY = np.cos(np.arange(64.0) * 1.3) * 0.4 + 0.6


def groups():
    for layout, (_, quick, more) in TABLES.items():
        for expressions, marks in ((quick, ()), (more, pytest.mark.thorough)):
            lines = expressions.strip().replace("\n", ";").split(";")
            for start in range(0, len(lines), TOGETHER):
                group = [each.strip() for each in lines[start : start + TOGETHER]]
                is_second = start // TOGETHER % 2 == 1
                yield pytest.param(
                    layout, group, marks=pytest.mark.thorough if is_second else marks
                )


def function(layout, expressions):
    """Return the function that returns the facts of what each expression gives."""
    definitions = f"{TABLES[layout][0]};{CONSTANTS}".replace("\n", ";").split(";")
    definitions = dict(each.strip().split(" = ", 1) for each in definitions if each.strip())
    lines = [f"table = np.zeros(({len(expressions)}, {len(FACTS)}), np.int64)"]
    for k, expression in enumerate(expressions):
        tree = ast.parse(expression, mode="eval")
        lines.append("memory = x * 1.0")
        for name in [each for each in ast.walk(tree) if isinstance(each, ast.Name)]:
            if name.id in definitions:
                lines.append(f"{name.id}{k} = {definitions[name.id]}")
                name.id += str(k)
        lines.append(f"note(table, {k}, facts_of(memory, {ast.unparse(tree)}))")
    source = "\n    ".join(["def f(x):", *lines, "return x.sum(), table"])
    names = {"np": np, "note": note, "facts_of": facts_of, "positive": positive}
    names |= {"as_strided": as_strided, "sliding_window_view": sliding_window_view}
    exec(source, names)
    return njit(names["f"])


@pytest.mark.filterwarnings("ignore::numba.NumbaPerformanceWarning")
@pytest.mark.parametrize(("layout", "expressions"), list(groups()))
def test_layouts(layout, expressions):
    f = function(layout, expressions)
    _, expected = f(MEMORY)
    (_, actual), _ = numgrad.jvp(f, (MEMORY,), (MEMORY,))
    for expression, facts, wanted in zip(expressions, actual, expected, strict=True):
        assert dict(zip(FACTS, facts, strict=True)) == dict(zip(FACTS, wanted, strict=True)), (
            f"{expression}, with arguments of layout {layout}"
        )


@njit
def written(x):
    """Return numbers that depend on which arrays share memory: two of each, one by a write."""
    m = x.reshape(2, 2).T
    copy = np.copy(m)
    of_copy = copy.ravel()
    of_copy[0] = 100 * x[3]
    zeros = np.zeros_like(m)
    of_zeros = np.ascontiguousarray(zeros)
    of_zeros[0, 0] = x[0]
    filled = np.full_like(m, x[1])
    of_filled = filled.T.ravel()
    of_filled[1] = x[0] * x[2]
    total = m + m[::-1]
    of_total = total.ravel()
    of_total[0] = x[1] * x[2]
    chosen = np.where(m > 0.5, m, 0.5)
    of_chosen = np.ascontiguousarray(chosen)
    of_chosen[1, 1] = x[0]
    same = np.asarray(m)
    same[0, 1] *= x[0]
    return np.array(
        [
            copy[0, 0] * x[1] + of_copy[1],
            zeros[0, 0] + x[1] * of_zeros[0, 0],
            filled[1, 0] * of_filled[2],
            total[0, 0] * x[0] + of_total[1],
            chosen[1, 1] * of_chosen[0, 0],
            m[0, 1] * x[3] + x[2],
        ]
    )


def test_what_is_written_is_seen_where_memory_is_shared():
    x = np.array([0.7, 1.3, 0.4, 2.1])
    actual = numgrad.jacobian(written)(x.copy())
    assert_allclose(actual, differences(written, x), rtol=1e-7, atol=1e-8)


def differences(f, x):
    """Return the Jacobian by central differences, extrapolated from two steps."""

    def central(h):
        return np.array([(f(x + h * e) - f(x - h * e)) / (2 * h) for e in np.eye(x.size)]).T

    return (4 * central(5e-4) - central(1e-3)) / 3


@njit
def arrays_like(model):
    new = allocated_like(model, np.float32)
    new[...] = 2.0
    return new, facts_of(new, new)[0], facts_of(model, model)[0]


@pytest.mark.parametrize(
    "model",
    [
        np.ones((2, 3)),
        np.ones((2, 3)).T,
        np.ones((4, 3))[::2],
        np.ones((4, 3))[:, ::-1].T,
        np.ones((2, 3))[:, :0],
        np.broadcast_to(np.ones(3), (2, 3)),
        np.ones((2, 3, 4)).transpose(1, 0, 2),
        np.ones(6)[::2],
        np.array(1.0),
    ],
    ids=lambda model: f"{model.shape}{model.strides}",
)
def test_arrays_in_the_place_of_others(model):
    """An array of layout A may be contiguous all the same, which Numba asks when it runs."""
    new, layout, wanted = arrays_like(model)
    assert layout == wanted
    assert new.shape == model.shape
    assert new.dtype == np.float32
    assert new.flags.writeable
    assert new.flags.c_contiguous == model.flags.c_contiguous
    assert new.flags.f_contiguous == model.flags.f_contiguous
    assert (new == 2.0).all()


@njit
def contiguous_all_the_same(a):
    new = allocated_like(of_any_layout(a), np.float64)
    return facts_of(new, new)[0], new.flags.c_contiguous, new.flags.f_contiguous


def test_contiguous_arrays_of_any_layout():
    assert contiguous_all_the_same(np.ones((2, 3))) == (2, True, False)
    assert contiguous_all_the_same(np.ones((2, 3)).T) == (2, False, True)
    assert contiguous_all_the_same(np.ones(3)) == (2, True, True)
