"""How arrays of objects lie in memory: as the arrays of floats and complex numbers they stand for.

A view of NumPy's is a matter of strides: `ravel` and `reshape` copy where the numbers don't follow
one another, `ascontiguousarray` where they aren't contiguous, and the real part of a complex array
is every other float of it. So numbers with derivatives are laid out alike. A real one is an object
in an array of objects. A complex one is two, its real part and its imaginary part, in an array of
pairs (a structured dtype): whatever NumPy makes a view of a complex array, it makes a view of this
one, and the parts are the views of its fields.
"""

from typing import Any

import numpy as np

from numgrad.numbers.dual.number import Dual
from numgrad.numbers.tape.differentials import ZERO, ComplexDifferential, Differential
from numgrad.tracer.elements import Elements, arranged, cast, is_array

PAIR = np.dtype([("real", object), ("imag", object)])


def raw_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype of the objects that stand for numbers of a dtype."""
    return PAIR if dtype.kind == "c" else np.dtype(object)


def raw_of(elements: Elements, dtype: np.dtype[Any]) -> Any:
    """Return elements as a new array in memory, cast to a dtype; a single one without axes."""
    elements = cast(elements if is_array(elements) else single(elements), dtype)
    if dtype.kind != "c":
        return elements if elements.flags.writeable else elements.copy("K")
    raw = np.empty_like(elements, PAIR, subok=False)
    parts = [parts_of(element) for element in elements.flat]
    for field, items in zip(("real", "imag"), zip(*parts, strict=True), strict=False):
        raw[field][...] = np.fromiter(items, object, len(parts)).reshape(raw.shape)
    return raw


def elements_in(raw: Any) -> Elements:
    """Return the elements of an array in memory: of complex numbers, always a new array."""
    if raw.dtype != PAIR:
        return raw
    return arranged(lambda a: map(joined, a["real"].flat, a["imag"].flat), object, raw)


def single(element: Any) -> Any:
    """Return an array without axes that holds an element."""
    array = np.empty((), object)
    array[()] = element
    return array


def parts_of(z: Any) -> tuple[Any, Any]:
    """Return the real and the imaginary part of a complex number: of its derivatives too."""
    if not isinstance(z, Dual):
        return z.real, z.imag
    (real, imag), partials = parts_of(z.value), [parts_of(partial) for partial in z.partials]
    reals, imags = zip(*partials, strict=True)
    return Dual(real, reals, depth=z.depth), Dual(imag, imags, depth=z.depth)


def joined(real: Any, imag: Any) -> Any:
    """Return the complex number with two parts, either of which may have derivatives.

    Nothing is computed: `real + 1j * imag` would make nan of inf.
    """
    if isinstance(real, Differential) or isinstance(imag, Differential):
        parts = (each if isinstance(each, Differential) else ZERO for each in (real, imag))
        return ComplexDifferential(*parts)
    depths = [part.depth if isinstance(part, Dual) else 0 for part in (real, imag)]
    depth = max(depths)
    if not depth:
        z = np.empty((), np.result_type(real, imag, np.complex64))
        z.real, z.imag = real, imag
        return z[()]
    duals = [d == depth for d in depths]
    count = len((real if duals[0] else imag).partials)
    values = [p.value if is_dual else p for p, is_dual in zip((real, imag), duals, strict=True)]
    partials = [
        p.partials if is_dual else (type(_plain(p))(0),) * count
        for p, is_dual in zip((real, imag), duals, strict=True)
    ]
    return Dual(joined(*values), tuple(map(joined, *partials)), depth=depth)


def _plain(x: Any) -> Any:
    return _plain(x.value) if isinstance(x, Dual) else x


def similar(array: Any, dtype: Any) -> Any:
    """Return a new array of another dtype in which the strides compare as in a given array.

    Two neighbouring axes can be made one if the stride of the outer is the extent of the inner.
    Where it is more in the given array, it is more here.
    """
    flags = array.flags
    if not array.size or flags.c_contiguous or flags.f_contiguous or overlaps_itself(array):
        return np.empty_like(array, dtype, subok=False)
    inner_first = sorted(range(array.ndim), key=lambda k: (abs(array.strides[k]), -k))
    sizes, extent = [1], array.itemsize  # allocated along the axes, after one of the numbers' own
    for k in inner_first:
        if array.shape[k] > 1:
            if abs(array.strides[k]) != extent:
                sizes[-1] += 1
            extent = abs(array.strides[k]) * array.shape[k]
        sizes.append(array.shape[k])
    whole = np.empty(sizes[::-1], dtype)
    outer_first = inner_first[::-1]
    cut = whole[tuple(slice(array.shape[k]) for k in outer_first)][..., 0]
    turned = cut.transpose([outer_first.index(k) for k in range(array.ndim)])
    return turned[tuple(slice(None, None, -1 if s < 0 else 1) for s in array.strides)]


def overlaps_itself(array: Any) -> bool:
    """Return whether some numbers of an array are the same memory."""
    extent = array.itemsize
    for stride, count in sorted(zip(map(abs, array.strides), array.shape, strict=True)):
        if count > 1:
            if stride < extent:
                return _repeats_addresses(array)
            extent += stride * (count - 1)
    return False


def _repeats_addresses(array: Any) -> bool:
    addresses = np.zeros(array.shape, np.intp)
    for k, (stride, count) in enumerate(zip(array.strides, array.shape, strict=True)):
        along = [1] * array.ndim
        along[k] = count
        addresses += (stride * np.arange(count)).reshape(along)
    return bool((np.diff(np.sort(addresses, axis=None)) < array.itemsize).any())
