"""Random calls of every kind, answered as NumPy answers them."""

import numpy as np
from hypothesis import event, given, settings
from hypothesis import strategies as st

import numgrad
from tests.fields.reference import Failure, assert_same, outcome

LENGTHS = [0, 1, 2, 3, 3, 4, 5, 7, 9, 16, 40]
MOST_SAMPLES = 4000

# Every dtype in contiguous memory; fewer in strided memory, since each compiles another kernel.
KERNEL_DTYPES = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8", "c8", "c16"]
STRIDED_DTYPES = ["i4", "f4", "f8", "c16"]
SINGLE_COORDINATES_DTYPES = ["i4", "f4", "f8", "c8"]
NUMPY_DTYPES = ["?", "f2", "g", "G", "O", "M8[D]", "m8[s]"]
SPACING_DTYPES = [*KERNEL_DTYPES, "?", "f2", "g", "G", "O", "m8[s]"]

SPECIAL = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 5e-324, 1e-40, 1e308, -1e308, 3e38]


def numbers(draw, shape, dtype, kind="plain"):
    """Return an array of random numbers of a dtype."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = np.dtype(dtype)
    if dtype.kind in "iu":
        if kind == "special":
            limits = np.iinfo(dtype)
            return generator.integers(limits.min, limits.max, shape, dtype, endpoint=True)
        return generator.integers(0, 100, shape).astype(dtype)
    if dtype.kind in "?OmM":
        return generator.integers(0, 100, shape).astype(dtype)
    with np.errstate(all="ignore"):
        values = generator.normal(size=shape)
        if dtype.kind == "c":
            values = values + 1j * generator.normal(size=shape)
        if kind == "special":
            values = np.where(
                generator.random(shape) < 0.4, generator.choice(SPECIAL, shape), values
            )
            if dtype.kind == "c":
                imaginary = generator.choice(SPECIAL, shape)
                values = np.where(
                    generator.random(shape) < 0.2, values.real + 1j * imaginary, values
                )
        return np.asarray(values).astype(dtype)


def fortran(array):
    return np.asfortranarray(array)


def transposed(array):
    return np.ascontiguousarray(array.T).T


def shuffled(array):
    return np.moveaxis(np.moveaxis(array, 0, -1).copy(), -1, 0)


def every_second(array):
    wide = np.zeros([2 * n for n in array.shape], array.dtype)
    view = wide[tuple(slice(None, None, 2) for _ in array.shape)]
    view[...] = array
    return view


def reversed_(array):
    turn = tuple(slice(None, None, -1) for _ in array.shape)
    return array[turn].copy()[turn]


def broadcast(array):
    return np.broadcast_to(array[:1], array.shape)


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def misaligned(array):
    if array.dtype.hasobject:
        return array
    buffer = np.zeros(array.nbytes + 1, np.uint8)
    view = buffer[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    return view


def in_records(array):
    """Return a field of records of 3 bytes more, so that strides are not whole elements."""
    if array.dtype.hasobject:
        return array
    records = np.zeros(array.shape, [("tag", "S3"), ("sample", array.dtype)])
    records["sample"] = array
    return records["sample"]


def in_even_records(array):
    """Return a field of aligned records, so that strides need not be whole elements."""
    records = np.zeros(array.shape, np.dtype([("sample", array.dtype), ("tag", "i4")], align=True))
    records["sample"] = array
    return records["sample"]


def byte_swapped(array):
    return array.astype(array.dtype.newbyteorder("S"))


def as_list(array):
    return array.tolist()


CONTIGUOUS = [
    np.ascontiguousarray,
    fortran,
    transposed,
    read_only,
    byte_swapped,
    misaligned,
    as_list,
]
STRIDED = [shuffled, every_second, reversed_, broadcast, in_records, in_even_records]


@st.composite
def samples(draw):
    """Return samples of any shape, dtype and layout."""
    shape = draw(st.lists(st.sampled_from(LENGTHS), max_size=5))
    while np.prod(shape) > MOST_SAMPLES:
        shape[np.argmax(shape)] = 2
    layout = draw(st.sampled_from(CONTIGUOUS + STRIDED if shape else CONTIGUOUS))
    dtypes = KERNEL_DTYPES if layout in CONTIGUOUS else STRIDED_DTYPES
    dtype = draw(st.one_of(*[st.sampled_from(dtypes)] * 5, st.sampled_from(NUMPY_DTYPES)))
    event(f"layout {layout.__name__}")
    event(f"dtype {dtype}")
    return layout(numbers(draw, tuple(shape), dtype, draw(st.sampled_from(["plain", "special"]))))


@st.composite
def scalar_spacing(draw):
    """Return a spacing for all neighbours."""
    kind = draw(st.sampled_from(["int", "float", "bool", "numpy", "0-d"]))
    if kind == "int":
        return draw(st.sampled_from([1, 2, 3, -1, 0, 10**30, 10**400, 2**60 + 2**36 + 1]))
    if kind == "float":
        return draw(st.sampled_from([0.1, 0.25, -2.0, 0.0, -0.0, np.nan, np.inf, 1e-320, 1e200]))
    if kind == "bool":
        return draw(st.booleans())
    number = numbers(draw, (), draw(st.sampled_from(SPACING_DTYPES)))
    return number[()] if kind == "numpy" else number


@st.composite
def coordinates(draw, length, single):
    """Return the positions of the points of an axis."""
    dtypes = ["f8"] * 4 + ["i4", "u2", "u8", "f2", "g"] + ["f4", "f4"] * single
    dtype = draw(st.sampled_from(dtypes))
    kind = draw(st.sampled_from(["uniform", "ascending", "descending", "any", "special"]))
    event(f"coordinates {kind} {dtype}")
    if kind == "uniform":
        values = np.arange(length) * draw(st.sampled_from([1, 2, 0.5, 0.1, -1, 0]))
    else:
        values = numbers(draw, (length,), "f8", "special" if kind == "special" else "plain")
    if kind in ("ascending", "descending"):
        values = np.sort(values)
    if kind == "descending":
        values = values[::-1]
    with np.errstate(all="ignore"):
        values = np.where(np.abs(values) < 100, values * 10, values)
        if dtype.startswith("u"):
            values = np.abs(np.nan_to_num(values, posinf=9, neginf=9) % 1000)
        elif dtype == "i4":
            values = np.nan_to_num(values, posinf=9, neginf=9) % 1000
        values = values.astype(dtype)
    layouts = [np.ascontiguousarray] * 3 + [every_second, reversed_, byte_swapped, misaligned]
    layout = draw(st.sampled_from([*layouts, read_only, as_list]))
    return layout(values)


@st.composite
def wrong_spacing(draw, length):
    """Return what is no spacing of an axis."""
    wrong = [
        np.arange(length + 1.0),
        np.zeros((length, 1)),
        np.zeros(0),
        [],
        np.arange(length) * 1j,
        np.arange(length) > 1,
        None,
        "0.5",
        2j,
    ]
    return draw(st.sampled_from(wrong))


@st.composite
def axes(draw, ndim):
    """Return an argument ``axis`` that usually fits."""
    numbers_of_axes = list(range(-ndim, ndim)) or [0]
    kind = draw(st.sampled_from(["None"] * 3 + ["int"] * 3 + ["tuple"] * 3 + ["list", "odd"]))
    if kind == "None":
        return None
    if kind == "int":
        return draw(st.sampled_from(numbers_of_axes))
    if kind == "odd":
        return draw(st.sampled_from([ndim, -ndim - 1, np.int64(0), (), 0.0, "x", (0, 0), True]))
    chosen = draw(st.lists(st.sampled_from(numbers_of_axes), max_size=max(ndim, 1)))
    return tuple(chosen) if kind == "tuple" else chosen


def lengths_along(axis, shape):
    """Return the lengths of the axes that an argument names, as far as it names any."""
    try:
        named = np.atleast_1d(range(len(shape)) if axis is None else axis).tolist()
        return [shape[a] for a in named]
    except (IndexError, TypeError):
        return []


@st.composite
def calls(draw):
    """Return the arguments of a call: usually such as NumPy accepts."""
    f = draw(samples())
    shape, dtype = np.shape(f), np.asarray(f).dtype
    axis = draw(axes(len(shape)))
    keywords = {"axis": axis} if axis is not None or draw(st.booleans()) else {}
    orders = [1] * 5 + [2] * 5 + [0, 3, 2.0, np.int64(2), np.float32(1), 1.5, True, None]
    edge_order = draw(st.sampled_from(orders))
    if draw(st.booleans()) or edge_order != 1:
        keywords["edge_order"] = edge_order
    single = dtype.newbyteorder("=") in SINGLE_COORDINATES_DTYPES
    spacing_kind = draw(st.sampled_from(["none", "one", "each", "each", "each", "wrong"]))
    lengths = lengths_along(axis, shape)
    varargs = []
    if spacing_kind == "one":
        varargs = [draw(scalar_spacing())]
    elif spacing_kind == "each":
        along = [
            st.one_of(coordinates(n, single), coordinates(n, single), scalar_spacing())
            for n in lengths
        ]
        varargs = [draw(spacing) for spacing in along]
    elif spacing_kind == "wrong":
        varargs = [draw(st.one_of(wrong_spacing(n), scalar_spacing())) for n in lengths]
        varargs += [1.0] * draw(st.integers(0, 2))
    return f, varargs, keywords


def memory(argument):
    """Return all bytes of an argument and of the array it is a view of."""
    while isinstance(getattr(argument, "base", None), np.ndarray):
        argument = argument.base
    return argument.tobytes() if isinstance(argument, np.ndarray) else repr(argument)


def assert_answers_as_numpy(f, varargs, keywords):
    before = [memory(argument) for argument in (f, *varargs)]
    expected = outcome(np.gradient, f, *varargs, **keywords)
    actual = outcome(numgrad.gradient, f, *varargs, **keywords)
    if isinstance(expected, Failure) or isinstance(actual, Failure):
        event(f"raises {expected if isinstance(expected, Failure) else 'nothing'}"[:40])
        assert repr(actual) == repr(expected)
    else:
        assert_same(actual, expected)
    assert [memory(argument) for argument in (f, *varargs)] == before, "an input was modified"


@settings(max_examples=300)
@given(calls())
def test_any_call(call):
    assert_answers_as_numpy(*call)
