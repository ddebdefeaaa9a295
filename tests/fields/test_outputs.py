"""``out=``: what is accepted, what is refused, and that nothing is written before that is known."""

import numpy as np
import pytest

import numgrad
from numgrad.fields import outputs
from tests.fields.reference import assert_same

F = np.arange(24.0).reshape(4, 6) ** 2
X = np.array([0.0, 1.0, 3.0, 4.0, 7.0, 9.0])
ALONG_0, ALONG_1 = np.gradient(F)


def fresh(dtype=np.float64):
    return np.full(F.shape, 7, dtype)


def wide():
    return np.full((8, 12), 7.0)


def misaligned(dtype=np.float64):
    buffer = np.zeros(F.nbytes + 1, np.uint8)
    return buffer[1:].view(dtype).reshape(F.shape)


LAYOUTS = {
    "C": fresh,
    "Fortran": lambda: np.asfortranarray(fresh()),
    "thinned": lambda: wide()[::2, ::2],
    "part": lambda: wide()[2:6, 3:9],
    "reversed": lambda: fresh()[::-1, ::-1],
    "rows reversed": lambda: fresh()[::-1],
    "transposed part": lambda: np.full((6, 9), 7.0)[:, 2:6].T,
    "byte-swapped": lambda: fresh(">f8" if np.little_endian else "<f8"),
    "misaligned": misaligned,
    "misaligned and byte-swapped": lambda: misaligned(">f8" if np.little_endian else "<f8"),
    "record field": lambda: np.zeros(F.shape, [("tag", "S3"), ("slope", "f8")])["slope"],
    "aligned record field": lambda: np.zeros(F.shape, [("slope", "f8"), ("tag", "i4")])["slope"],
}


@pytest.mark.parametrize("strided", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout(layout, strided):
    f = np.repeat(F, 2, axis=1)[:, ::2] if strided else F
    out = LAYOUTS[layout]()
    if not out.dtype.isnative:
        f = f.astype(out.dtype)
    assert numgrad.gradient(f, X, axis=1, out=out) is out
    np.testing.assert_array_equal(out, np.gradient(F, X, axis=1))
    pair = LAYOUTS[layout](), LAYOUTS["thinned"]() if out.dtype.isnative else LAYOUTS[layout]()
    results = numgrad.gradient(f, out=pair)
    assert type(results) is tuple
    assert all(result is given for result, given in zip(results, pair, strict=True))
    np.testing.assert_array_equal(pair[0], ALONG_0)
    np.testing.assert_array_equal(pair[1], ALONG_1)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_only_the_elements_of_out_are_written(layout):
    out = LAYOUTS[layout]()
    if not out.dtype.isnative:
        return
    memory = out
    while memory.base is not None:
        memory = memory.base
    if memory.dtype.names or memory.dtype == np.uint8:
        return
    numgrad.gradient(F, axis=0, out=out)
    touched = np.count_nonzero(memory != 7)
    out[...] = 7
    assert touched <= F.size
    assert (memory == 7).all()


@pytest.mark.parametrize("dtype", ["f4", "c8", "c16", "i2", "f2", "O"])
def test_any_dtype(dtype):
    f = F.astype(dtype)
    expected = np.gradient(f, axis=1)
    out = np.empty_like(expected)
    assert numgrad.gradient(f, axis=1, out=out) is out
    assert_same(out, expected)


def test_a_tuple_of_one():
    out = fresh()
    assert numgrad.gradient(F, axis=0, out=(out,)) is out
    np.testing.assert_array_equal(out, ALONG_0)


def test_no_axes_need_no_arrays():
    assert numgrad.gradient(3.0, out=()) == ()


MANY = "out must be a tuple of 2 arrays, one an axis, but {} came"


@pytest.mark.parametrize(
    ("out", "kind", "message"),
    [
        (fresh(), TypeError, MANY.format(1)),
        ((fresh(),), TypeError, MANY.format(1)),
        ((fresh(),) * 3, TypeError, MANY.format(3)),
        ((), TypeError, MANY.format(0)),
        ([fresh(), fresh()], TypeError, MANY.format(1)),
        ((fresh(), None), TypeError, "out[1] must be a numpy.ndarray, not NoneType"),
        ((fresh().tolist(), fresh()), TypeError, "out[0] must be a numpy.ndarray, not list"),
        (
            (fresh(), np.ma.array(fresh())),
            TypeError,
            "out[1] must be a numpy.ndarray, not MaskedArray",
        ),
        (
            (fresh(), fresh("f4")),
            TypeError,
            "out[1] has dtype float32, but the result has dtype float64",
        ),
        (
            (fresh(">f8"), fresh()),
            TypeError,
            "out[0] has dtype >f8, but the result has dtype float64",
        ),
        (
            (fresh(), fresh().T),
            ValueError,
            "out[1] has shape (6, 4), but the result has shape (4, 6)",
        ),
        (
            (fresh(), fresh()[:3]),
            ValueError,
            "out[1] has shape (3, 6), but the result has shape (4, 6)",
        ),
        (
            (fresh(), np.broadcast_to(7.0, F.shape)),
            ValueError,
            "out[1] is read-only",
        ),
        (
            (fresh(), np.lib.stride_tricks.as_strided(np.full(6, 7.0), F.shape, (0, 8))),
            ValueError,
            "out[1] has several elements in one place of memory",
        ),
    ],
)
def test_refused(out, kind, message):
    with pytest.raises(kind) as refusal:
        numgrad.gradient(F, out=out)
    assert str(refusal.value) == message
    for array in out:
        if isinstance(array, np.ndarray):
            assert (array == 7).all(), "something was written"


def test_refused_for_one_axis():
    with pytest.raises(TypeError) as refusal:
        numgrad.gradient(F, axis=0, out=(fresh(), fresh()))
    assert str(refusal.value) == "out must be one array, but 2 came"
    with pytest.raises(TypeError, match=r"^out must be a numpy\.ndarray, not list$"):
        numgrad.gradient(F, axis=0, out=[])


def test_refused_where_numpy_answers():
    f, out = F.astype("f2"), fresh()
    with pytest.raises(
        TypeError, match=r"^out has dtype float64, but the result has dtype float16$"
    ):
        numgrad.gradient(f, axis=0, out=out)
    with pytest.raises(ValueError, match=r"^out shares memory with an input"):
        numgrad.gradient(f, axis=0, out=f)
    assert (out == 7).all()


def test_numpys_errors_come_first():
    with pytest.raises(ValueError, match="'edge_order' greater than 2 not supported"):
        numgrad.gradient(F, edge_order=3, out=None)
    out = fresh(), fresh()
    with pytest.raises(ValueError, match="Shape of array too small"):
        numgrad.gradient(F[:1], out=out)
    assert (out[0] == 7).all()


SHARED = "which would be overwritten while it is read; pass another array"


def test_out_may_not_share_memory_with_the_samples():
    f = F.copy()
    for out in (f, f[::-1]):
        with pytest.raises(ValueError, match=f"^out shares memory with an input, {SHARED}$"):
            numgrad.gradient(f, axis=0, out=out)
    square = np.arange(36.0).reshape(6, 6)
    with pytest.raises(ValueError, match=r"^out\[1\] shares memory with an input"):
        numgrad.gradient(square, out=(np.empty((6, 6)), square.T))
    np.testing.assert_array_equal(f, F)


def test_out_may_not_share_memory_with_coordinates():
    x = X.copy()
    with pytest.raises(ValueError, match=r"^out shares memory with an input"):
        numgrad.gradient(F[0], x, out=x)
    np.testing.assert_array_equal(x, X)


def test_outs_may_not_share_memory():
    memory = wide()
    for pair in ((memory[:4, :6],) * 2, (memory[:4, :6], memory[3:7, 5:11])):
        with pytest.raises(ValueError, match=r"^out\[1\] shares memory with out\[0\]$"):
            numgrad.gradient(F, out=pair)
    assert (memory == 7).all()


def test_interleaved_arrays_share_no_memory():
    # the derivatives of every point side by side, the sample before them
    memory = np.zeros((*F.shape, 3))
    memory[..., 0] = F
    numgrad.gradient(memory[..., 0], out=(memory[..., 1], memory[..., 2]))
    for k, expected in enumerate((F, ALONG_0, ALONG_1)):
        np.testing.assert_array_equal(memory[..., k], expected)


def test_what_is_too_hard_to_tell_apart_is_refused(monkeypatch):
    monkeypatch.setattr(outputs, "OVERLAP_WORK", 0)
    memory = np.zeros((*F.shape, 2))
    with pytest.raises(ValueError, match=r"^out shares memory with an input"):
        numgrad.gradient(memory[..., 0], axis=0, out=memory[..., 1])


def test_results_are_read_by_the_next_call():
    f, out, again = np.sin(F), fresh(), fresh()
    for _ in range(3):
        numgrad.gradient(f, axis=0, out=out)
        numgrad.gradient(out, axis=0, out=again)
    np.testing.assert_array_equal(again, np.gradient(np.gradient(f, axis=0), axis=0))


def test_masked_results_would_lose_their_mask():
    f, out = np.ma.array([1.0, 2.0, 4.0], mask=[False, True, False]), np.zeros(3)
    with pytest.raises(TypeError, match="has no mask"):
        numgrad.gradient(f, out=out)
    assert not out.any()
