"""Programs that try to lose a derivative: each keeps it, or is refused with the line.

Every program computes y from an array x of three numbers, and its derivatives are compared with
differences of itself, run by Python.
"""

import numba
import numpy as np
import pytest
from numba import njit, types
from numba.experimental import jitclass, structref
from numba.extending import overload, overload_method, register_jitable
from numpy.testing import assert_allclose, assert_array_equal

import numgrad
from tests.twin.lines import differences, program

List, Dict = numba.typed.List, numba.typed.Dict

X = np.array([0.7, 1.3, 2.1])
TABLE = np.array([1.0, 2.0, 3.0])


def tail(a):
    return a[1:]


@overload(tail)
def _tail(a):
    return lambda a: a[1:]


def write(a, value):
    a[1] = value


@overload(write)
def _write(a, value):
    def implementation(a, value):
        a[1] = value

    return implementation


def size(number):
    """A function with the name of one of NumPy's that has no derivative."""
    return number * number


@overload(size)
def _size(number):
    return lambda number: number * number


def allocated(like, count):
    return np.zeros(count)


@overload(allocated)
def _allocated(like, count):
    return lambda like, count: np.zeros(count)


def beside(table, number):
    return table[1:]


@overload(beside)
def _beside(table, number):
    return lambda table, number: table[1:]


@register_jitable
def every_other(a):
    return a[::2]


@njit
def same(a):
    return a


@njit
def parts(a):
    return a[1:], a.T


@njit
def append_to(items, a):
    items.append(a)


@njit
def rows(matrix):
    for i in range(matrix.shape[0]):
        yield matrix[i]


@numba.vectorize
def product(a, b):
    return a * b


KEPT = """
a = np.zeros(3); b = a; b[1] = x[1] * x[0]; y = a.sum()
a = np.zeros((3, 3)); v = a[1]; w = v[1:]; w[0] = x[0] ** 2; y = a.T.sum() * x[1]
a = np.zeros(3); b = np.ones(3); c = a if x[0] > 0 else b; c[:] = x; y = (a * a).sum() + b.sum()
t = (np.zeros(3), np.ones(3)); t[0][1] = x[1]; y = t[0].sum() * t[1].sum() + x[0]
a = np.zeros(2); t = ((a, 1.0), 2.0); t[0][0][1] = x[0]; y = (a * a).sum() * t[1] * x[1]
a = np.linspace(0, 1, 3); c = a.reshape(3, 1)[:, 0]; s = a.sum(); c[1] = x[0]; y = (a * a).sum() * s
s = [np.zeros(2), np.ones(2)]; s[0][0] = x[0]; s[1][1] = x[1] ** 2; y = s[0].sum() * s[1].sum()
s = [0.0] * 3; s[0] = x[0]; y = s[0] * s[0] + s[1]
m = [1.0 * i for i in range(3)]; m[1] = x[0]; m.append(x[1]); y = m[0] + m[1] ** 2 * m[3]
m = List.empty_list(types.float64); m.append(x[0]); m.append(x[1]); y = m[0] ** 2 * m[1]
d = Dict.empty(types.int64, types.float64); d[0] = x[0]; d[1] = x[1] ** 2; y = d[0] * d[1]
d = {x[0]: 2.0}; y = d[x[0]] * x[1]
a = np.array([v * v for v in x]); y = a.sum()
a = np.zeros(3); v = tail(a); v[0] = x[0]; y = (a * a).sum()
a = np.zeros(3); write(a, x[0] * x[1]); y = (a * a).sum()
v = allocated(x, 3); v[1] = x[0]; y = (v * v).sum()
y = (beside(TABLE, x[0]) * x[1:]).sum()
a = np.zeros(3); v = Holder().piece(a); v[0] = x[0]; y = (a * a).sum()
a = np.zeros(3); v = every_other(a); v[1] = x[0]; y = (a * a).sum()
a = np.zeros(3); b = same(a); b[0] = x[0]; y = (a * a).sum()
a = np.zeros(3); b, c = parts(a); b[0] = x[0]; c[2] = x[1]; y = (a * a).sum()
a = np.zeros(3); product(x, 2.0, a); y = (a * a).sum()
a = np.ones(3); v = a.real; v[1] = x[0]; y = (a * a).sum() + v.sum()
z = np.zeros(3, np.complex128); z[0] = x[0] + 1j * x[1]; y = z.real.sum() * np.imag(z)[0]
a = np.zeros((3, 3)); np.fill_diagonal(a, x[0] * x); y = (a * a).sum()
y = (np.bincount(np.array([0, 1, 1]), weights=x) ** 2).sum()
y = size(x[0]) * float(x[1]) * np.float64(x[2])
y = x[int(x[0])] * TABLE[int(x[1])]
a = np.zeros(3); b = Holder().dot(a); b[0] = x[0]; y = (a * a).sum()
n = int(x[2]); y = n * x[0] - np.int64(x[1]) * x[1]
"""


# More of the same kinds
MORE_KEPT = """
s = [0.0] + [1.0, 2.0]; s[0] = x[0]; y = s[0] * s[0] + s[1]
m = [1.0, 2.0]; s = m.copy(); s[0] = x[0]; y = s[0] * s[0] + s[1] * m[1]
m = List(); m.append(1.0); m[0] = x[0]; m.append(x[1]); y = m[0] ** 2 * m[1]
m = List.empty_list(types.float64[:]); m.append(x * 2); y = (m[0] * m[0]).sum()
d = {}; d[0] = 1.0; d[1] = x[0]; y = d[0] + d[1] ** 2
d = {0: np.zeros(2), 1: np.ones(2)}; e = d[1]; e[0] = x[1]; y = (d[1] * d[1]).sum() + d[0][1]
a = np.array([[x[i] * x[j] for i in range(3)] for j in range(3)]); y = (a * a).sum()
a = np.array([2.0 * i for i in range(3)]); b = a[1:]; b[0] = x[0]; y = (a * a).sum()
a = np.zeros((3, 3)); v = np.rot90(a); v[0, 0] = x[0]; y = (a * a).sum()
a = np.ones(3); v = np.trim_zeros(a); v[0] = x[0]; y = (a * a).sum()
a = np.ones(3); v = np.real(a); v[1] = x[0]; y = (a * a).sum() + np.imag(x).sum()
s = List(); s.append(np.ones(3)); a = np.zeros(3); append_to(s, a); a[0] = x[0]; y = s[1].sum() ** 2
a = np.zeros(3); np.clip(x, 0.0, 1.0, a); y = (a * a).sum()
y = x.astype(np.float64)[0] ** 2 * x.view(np.float64)[1]
"""


def groups():
    for text, marks in ((KEPT, ()), (MORE_KEPT, pytest.mark.thorough)):
        lines = text.strip().splitlines()
        for start in range(0, len(lines), 10):
            yield pytest.param(lines[start : start + 10], marks=marks)


@pytest.mark.parametrize("lines", list(groups()))
def test_kept(lines):
    x = X.copy()
    f, each = program(lines, globals())
    gradients = numgrad.jacobian(f)(x)
    for line, gradient, alone in zip(lines, gradients, each, strict=True):
        assert_allclose(gradient, differences(alone, X), rtol=1e-8, atol=1e-8, err_msg=line)
    assert_array_equal(x, X)


def overloaded_method(x):
    a = np.zeros(3)
    b = StructureProxy(2.0).dot(a)
    b[0] = x[0]
    return (a * a).sum()


def test_overloaded_method():
    assert_allclose(numgrad.grad(overloaded_method)(X), [2.0 * X[0], 0.0, 0.0])


def text_and_hash(x):
    return len(str(x[0])) * x[1] + (hash(x[0]) % 2) * x[2]


def test_text_and_hash():
    """Numba's own, which are others than Python's: the values are those without derivatives."""
    value, gradient = numgrad.value_and_grad(text_and_hash)(X)
    assert value == njit(text_and_hash)(X)
    assert value == gradient @ X
    assert_array_equal(gradient[2], hash(X[0]) % 2)


def rows_of_a_generator(x):
    a = np.zeros((3, 3))
    for row in rows(a):
        row[1] = x[0]
    return (a * a).sum()


def test_generator():
    assert_allclose(numgrad.grad(rows_of_a_generator)(X), [6.0 * X[0], 0.0, 0.0])


GLOBAL = np.zeros(3)


def global_array(x):
    GLOBAL[0] = x[0]  # lost
    return GLOBAL[0] * x[1]


@jitclass([("buffer", types.float64[:])])
class Holder:
    def __init__(self):
        self.buffer = np.zeros(3)

    def get(self):
        return self.buffer

    def dot(self, a):
        return a

    def copy(self):
        return self.buffer

    def piece(self, a):
        return a[1:]


@structref.register
class Structure(types.StructRef):
    pass


class StructureProxy(structref.StructRefProxy):
    pass


structref.define_proxy(StructureProxy, Structure, ["k"])


@overload_method(Structure, "dot")
def _dot(self, a):
    return lambda self, a: a


def array_of_integers(x):
    a = np.zeros(3, np.int64)
    a[0] = x[0] * 10  # lost
    return a.sum() * x[1]


def object_mode(x):
    with numba.objmode(y="float64"):  # lost
        y = x[0] * 2.0
    return y * x[1]


def bits(x):
    return x.view(np.int64)[0] * 1e-19 * x[1]  # lost


def pairs(x):
    z = np.concatenate((x, x[:1])).view(np.complex128)  # lost
    return abs(z[0]) * x[1]


def buffer(x):
    return np.frombuffer(x)[1] ** 2  # lost


def field_of_an_object(x):
    buffer = Holder().get()
    buffer[0] = x[0]
    return buffer[0]


def array_of_an_object(x):
    holder = Holder()
    b = holder.copy()
    b[0] = x[0]
    return holder.buffer.sum() * x[1]


def set_of_numbers(x):
    total = 0.0
    for number in set((x[0], x[1])):  # lost  # noqa: C405
        total += number * number
    return total


LOST = [
    global_array,
    array_of_integers,
    object_mode,
    bits,
    buffer,
    pairs,
    set_of_numbers,
]


def test_arrays_in_fields():
    """Whatever a method is called, its source tells that it returns the array itself."""
    assert numgrad.grad(field_of_an_object)(X)[:2].tolist() == [1.0, 0.0]
    assert numgrad.grad(array_of_an_object)(X)[:2].tolist() == [X[1], X[0]]


@pytest.mark.parametrize("f", LOST)
def test_refused(f):
    with pytest.raises(numgrad.DifferentiationError) as raised:
        numgrad.grad(f)(X)
    told = str(raised.value)
    assert f.__name__ in told
    assert f"{__file__}, line " in told
    assert "# lost" in told


def strided(x):
    a = np.ones(4) * x[0]
    return np.lib.stride_tricks.as_strided(a, (2, 2), (16, 8)).sum()


def test_strides_in_bytes_are_refused():
    with pytest.raises(ValueError, match="as_strided: the strides must be computed"):
        numgrad.grad(strided)(X)


def strided_by_its_own(x):
    a = np.ones(4) * x[0]
    step = a.strides[0]
    return np.lib.stride_tricks.as_strided(a, (3, 2), (step, step)).sum()


def test_strides_of_the_array():
    assert_allclose(numgrad.grad(strided_by_its_own)(X), [6.0, 0.0, 0.0])


def perhaps(x):
    if x[0] < 0.0:
        return None
    return x[0] * x[1]


def test_optional_result():
    gradient = numgrad.grad(perhaps)
    assert_allclose(gradient(X), [1.3, 0.7, 0.0])
    assert gradient(-X) is None


def one_of_two(x):
    v = beside(TABLE, x[0])
    w = v if x[0] > 1.0 else x[1:]
    return (w * w).sum() * x[0]


def test_a_constant_that_meets_an_argument():
    """Nobody writes to either, so that a copy of the constant may stand for it."""
    assert_allclose(numgrad.grad(one_of_two)(X), differences(one_of_two, X), rtol=1e-8)
    assert_allclose(numgrad.grad(one_of_two)(2.0 * X), [13.0, 0.0, 0.0])


@njit("float64(int64)")
def whole(n):
    return n * 1.0


@njit(locals={"t": types.int64})
def declared_whole(a):
    t = a * 2.7
    return t * 1.0


@njit(locals={"i": types.int64})
def with_a_declared_counter(a):
    i = 3
    return a * i


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_numbers_that_a_declared_type_makes_integers(mode):
    for function, reason in ((whole, "it is compiled for int64"), (declared_whole, "int64")):

        @njit
        def caller(x, function=function):
            return x * function(x)

        with pytest.raises(numgrad.DifferentiationError, match=reason):
            numgrad.grad(caller, mode=mode)(2.7)

    assert numgrad.grad(with_a_declared_counter, mode=mode)(2.0) == 3.0
