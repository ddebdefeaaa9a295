"""NumPy's functions of arrays, on traced ones.

Most of them move elements about or add and multiply them, and so take object arrays as they are.
What chooses, sorts or tests looks at values; what divides or takes roots is written out here.
"""

import inspect
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from numgrad.duals.number import find
from numgrad.duals.rules import TABLE
from numgrad.tracer.elements import (
    Elements,
    computed,
    constants,
    dtype_of,
    is_array,
    is_dual,
    objects,
    values_of,
)
from numgrad.tracer.numbers import (
    NO_RULE,
    TracedArray,
    computed_by,
    elements_of,
    has_traced,
    plain,
    store,
    traced,
)
from numgrad.tracer.places import refusal

# What takes arrays of any objects: it moves them, or needs nothing but their operators.
OF_OBJECTS = frozenset(
    """
    append array_split atleast_1d atleast_2d atleast_3d block broadcast_arrays broadcast_to
    column_stack compress concatenate copy delete diag diagflat diagonal dsplit dstack expand_dims
    extract flip fliplr flipud hsplit hstack insert matrix_transpose moveaxis permute_dims ravel
    repeat reshape resize roll rollaxis rot90 split squeeze stack swapaxes take
    take_along_axis tile transpose tril triu unstack vsplit vstack
    convolve correlate cross cumprod cumsum cumulative_prod cumulative_sum diff dot ediff1d einsum
    inner kron outer polyval prod sum tensordot trace trapezoid trapz vander vdot vecdot
    """.split()
)
# What looks at values alone.
OF_VALUES = frozenset(
    """
    all allclose any argmax argmin argpartition argsort argwhere array2string array_equal
    array_equiv array_repr array_str bincount can_cast count_nonzero digitize flatnonzero
    iscomplexobj isclose iscomplex isreal isrealobj lexsort nanargmax nanargmin ndim nonzero
    result_type searchsorted shape size
    """.split()
)
# What writes to its first argument.
WRITING = frozenset("copyto fill_diagonal place put put_along_axis putmask".split())
OWN: dict[str, Callable[..., Any]] = {}


def own(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register what stands for NumPy's functions of some names, on elements."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        OWN.update(dict.fromkeys(names, function))
        return function

    return add


def called(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Return what one of NumPy's functions gives for traced numbers."""
    name = function.__name__
    if function is np.linalg.norm:
        name = "norm"
    out = keywords.pop("out", None)
    if name in WRITING:
        return _written_by(function, arguments, keywords)
    if name in OF_VALUES:
        result = function(*map(_values, arguments), **{k: _values(v) for k, v in keywords.items()})
    elif name in OWN:
        inside = [_inside(argument) for argument in arguments]
        elements = OWN[name](*inside, **{k: _inside(v) for k, v in keywords.items()})
        result = traced(_whole(elements, inside), name, arguments)
    elif name in OF_OBJECTS:
        inside = [_inside(argument) for argument in arguments]
        elements = function(*inside, **{k: _inside(v) for k, v in keywords.items()})
        views = next((each for each in arguments if isinstance(each, TracedArray)), None)
        result = traced(_whole(elements, inside), name, (*arguments, *keywords.values()), views)
    elif _has_rule(function):
        result = computed_by(function, _positional(function, arguments, keywords))
    elif not _is_active((*arguments, *keywords.values())):
        result = function(*map(_values, arguments), **{k: _values(v) for k, v in keywords.items()})
    else:
        raise refusal(f"numpy.{name} has no derivative here.", NO_RULE)
    if out is None:
        return result
    store(out, ..., result)
    return out


def _positional(
    function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]
) -> tuple[Any, ...]:
    """Return all arguments in order."""
    if not keywords:
        return arguments
    bound = inspect.signature(function).bind(*arguments, **keywords)
    if bound.kwargs:
        raise refusal(f"{function.__name__} with {', '.join(bound.kwargs)} isn't traced.", NO_RULE)
    return bound.args


def _has_rule(function: Any) -> bool:
    try:
        return function in TABLE or bool(find(function))
    except TypeError:
        return False


def _is_active(operands: tuple[Any, ...]) -> bool:
    return any(has_traced(each) and is_dual(elements_of(each)) for each in operands)


def _inside(x: Any) -> Any:
    """Return the elements of what is traced, in lists and tuples too; arrays beside as objects."""
    if type(x) in (list, tuple):
        if has_traced(x) or any(is_array(item) for item in x):
            return type(x)(map(_inside, x))
        return x
    if is_array(x) and x.dtype.kind in "fc":
        return objects(x)
    if not has_traced(x):
        return x
    elements = elements_of(x)
    return elements if is_array(elements) else _one(elements)


def _values(x: Any) -> Any:
    if type(x) in (list, tuple):
        return type(x)(map(_values, x))
    return values_of(elements_of(x)) if has_traced(x) and is_array(x) else plain(x)


def _whole(elements: Any, inside: list[Any]) -> Any:
    """Return floats where nothing was added up or multiplied and NumPy left a whole number."""
    if type(elements) in (int, float):
        dtypes = [dtype_of(each) for each in inside if is_array(each)]
        return (np.result_type(*dtypes) if dtypes else np.dtype(float)).type(elements)
    if is_array(elements) and elements.dtype == object and elements.ndim == 0:
        return elements[()]
    return elements


def _written_by(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
    """Let a function write to a traced array."""
    target, *others = arguments
    if not isinstance(target, TracedArray):
        if _is_active(tuple(others)):
            store(target, ..., others[0] if function is np.copyto else others[-1])
        function(target, *map(_values, others), **keywords)
        return
    keywords = {k: _inside(v) for k, v in keywords.items()}
    function(target.elements, *map(_inside, others), **keywords)
    target.written(function.__name__, arguments)


# Ufuncs


def ufunc_method(
    ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], keywords: dict[str, Any]
) -> Any:
    """Return what a ufunc or one of its methods gives."""
    name = ufunc.__name__
    keywords = {k: v for k, v in keywords.items() if k != "casting"}
    if name in ("matmul", "vecdot", "vecmat", "matvec") and method == "__call__" and not keywords:
        elements = ufunc(*(objects(each) for each in map(_inside, inputs)))
        return traced(_whole(elements, list(map(_inside, inputs))), name, inputs)
    if not _is_active(inputs) and not _has_rule(ufunc):
        return getattr(ufunc, method)(*map(_values, inputs), **keywords)
    if keywords.get("dtype") is not None and method == "__call__":
        others = {k: v for k, v in keywords.items() if k != "dtype"}
        return ufunc_method(ufunc, method, inputs, others).astype(keywords["dtype"])
    if method == "__call__":
        if keywords:
            raise refusal(f"{name} with {', '.join(keywords)} has no derivative here.", NO_RULE)
        return computed_by(ufunc, inputs)
    own_ufunc = np.frompyfunc(lambda *numbers: computed(ufunc, *numbers), ufunc.nin, ufunc.nout)
    if method == "at":
        return _at(own_ufunc, name, inputs)
    inside = [_inside(each) for each in inputs]
    if method in ("reduce", "accumulate", "reduceat"):
        if keywords.pop("dtype", None) is not None:
            raise refusal(f"{name}.{method} with dtype has no derivative here.", NO_RULE)
        if method == "reduce":
            elements = _reduced(own_ufunc, ufunc, *inside, **keywords)
        else:
            elements = getattr(own_ufunc, method)(*inside, **keywords)
    elif method == "outer":
        elements = own_ufunc.outer(*(objects(each) for each in inside), **keywords)
    else:
        raise refusal(f"{name}.{method} has no derivative here.", NO_RULE)
    return traced(_whole(elements, inside), f"{name}.{method}", inputs)


def _at(own_ufunc: Any, name: str, inputs: tuple[Any, ...]) -> None:
    target, *others = inputs
    if not isinstance(target, TracedArray):
        raise refusal(f"{name}.at on a NumPy array would lose derivatives.", NO_RULE)
    own_ufunc.at(target.elements, *map(_inside, others))
    target.written(f"{name}.at", inputs)


def _reduced(
    own_ufunc: Any,
    ufunc: np.ufunc,
    elements: Elements,
    axis: Any = 0,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    """Return the reduction of an object array by a ufunc of the table."""
    if where is not True:
        raise refusal(f"{ufunc.__name__}.reduce with where has no derivative here.", NO_RULE)
    elements = objects(elements)
    if ufunc in (np.maximum, np.minimum) and initial is None:
        return OWN[{"maximum": "max", "minimum": "min"}[ufunc.__name__]](elements, axis, keepdims)

    def line_of(line: Any) -> Any:
        if initial is not None:
            line = np.concatenate((objects([initial]), line))
        if not line.size and ufunc.identity is not None:
            return float(ufunc.identity)
        return own_ufunc.reduce(line)

    return along(line_of, elements, axis, keepdims)


def along(
    function: Callable[[Any], Any], elements: Elements, axis: Any = None, keepdims: bool = False
) -> Any:
    """Return what a function of a line gives for the lines along some axes."""
    elements = objects(elements) if is_array(elements) else objects(np.asarray(elements))
    ndim = elements.ndim
    axes = tuple(range(ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(np.lib.array_utils.normalize_axis_tuple(axes, ndim))
    others = [k for k in range(ndim) if k not in axes]
    lines = elements.transpose(*others, *axes)
    shape = lines.shape[: len(others)]
    results = np.empty(shape, object)
    for index in np.ndindex(shape):
        results[index] = function(lines[index].ravel())
    if keepdims:
        return results.reshape([1 if k in axes else n for k, n in enumerate(elements.shape)])
    return results if shape else results[()]


# Statistics


def _count(elements: Elements, axis: Any) -> int:
    shape = elements.shape
    if axis is None:
        return math.prod(shape)
    return math.prod(shape[k] for k in (axis if isinstance(axis, tuple) else (axis,)))


@own("mean")
def mean(a: Elements, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Elements:
    """Return the sum over the number of elements."""
    _refuse_dtype("mean", dtype)
    a = objects(a)
    return computed(np.divide, _sum(a, axis, keepdims), _real(a).type(_count(a, axis)))


def _sum(a: Elements, axis: Any, keepdims: bool) -> Elements:
    return constants(_whole(np.sum(a, axis=axis, keepdims=keepdims), [a]))


def _real(a: Elements) -> Any:
    """Return the dtype of the absolute values of elements."""
    return np.zeros((), dtype_of(a)).real.dtype


def _refuse_dtype(name: str, dtype: Any) -> None:
    if dtype is not None:
        raise refusal(f"numpy.{name} with dtype has no derivative here.", NO_RULE)


@own("average")
def average(a: Elements, axis: Any = None, weights: Any = None) -> Elements:
    """Return the mean, or the weighted mean."""
    if weights is None:
        return mean(a, axis)
    a, weights = objects(a), objects(np.asarray(weights))
    if weights.shape != a.shape:
        weights = weights.reshape([n if k == axis else 1 for k, n in enumerate(a.shape)])
        weights = np.broadcast_to(weights, a.shape)
    total = computed(np.multiply, a, weights)
    return computed(np.divide, _sum(total, axis, False), _sum(weights, axis, False))


@own("var")
def var(
    a: Elements, axis: Any = None, dtype: Any = None, ddof: int = 0, keepdims: bool = False
) -> Elements:
    """Return the mean square of the distance from the mean."""
    _refuse_dtype("var", dtype)
    a = objects(a)
    apart = computed(np.subtract, a, mean(a, axis, keepdims=True))
    if dtype_of(a).kind == "c":
        square = computed(np.real, computed(np.multiply, apart, computed(np.conjugate, apart)))
    else:
        square = computed(np.multiply, apart, apart)
    return computed(
        np.divide, _sum(square, axis, keepdims), _real(a).type(_count(a, axis) - ddof)
    )


@own("std")
def std(a: Elements, *arguments: Any, **keywords: Any) -> Elements:
    """Return the root of the variance."""
    return computed(np.sqrt, var(a, *arguments, **keywords))


# Choices by value: the first of equals, the one that argmin and argmax point at


@own("max", "amax")
def highest(a: Elements, axis: Any = None, keepdims: bool = False) -> Elements:
    """Return the first of the highest elements, or the first nan."""
    return along(lambda line: line[np.argmax(values_of(line))], _not_empty(a), axis, keepdims)


@own("min", "amin")
def lowest(a: Elements, axis: Any = None, keepdims: bool = False) -> Elements:
    """Return the first of the lowest elements, or the first nan."""
    return along(lambda line: line[np.argmin(values_of(line))], _not_empty(a), axis, keepdims)


def _not_empty(a: Elements) -> Elements:
    if is_array(a) and not a.size:
        raise ValueError("zero-size array to reduction operation without an identity")
    return a


@own("ptp")
def ptp(a: Elements, axis: Any = None, keepdims: bool = False) -> Elements:
    """Return the highest less the lowest."""
    return computed(np.subtract, highest(a, axis, keepdims), lowest(a, axis, keepdims))


def _sorted(line: Elements) -> Elements:
    return line[np.argsort(values_of(line), kind="stable")]


@own("sort")
def sort(a: Elements, axis: Any = -1, kind: Any = None) -> Elements:  # noqa: ARG001
    """Return the elements in the order of their values."""
    a = objects(a)
    if axis is None:
        return _sorted(a.ravel())
    order = np.argsort(values_of(a), axis=axis, kind="stable")
    return np.take_along_axis(a, order, axis)


@own("unique")
def unique(ar: Elements) -> Elements:
    """Return the first of equals, in order."""
    line = np.ravel(ar)
    return line[np.unique(values_of(line), return_index=True)[1]]


def _between(line: Elements, position: float) -> Any:
    """Return the element at a position in sorted ones; in between, on the line to the next."""
    k = int(position)
    if k + 1 >= line.size:
        return line[-1]
    part = dtype_of(line).type(position - k)
    rise = computed(np.multiply, computed(np.subtract, line[k + 1], line[k]), part)
    return computed(np.add, line[k], rise)


def _quantile(line: Elements, share: float) -> Any:
    if not 0.0 <= share <= 1.0:
        raise ValueError("the share of numbers must lie between none and all")
    line = _sorted(line)
    is_nan = line.size and np.isnan(values_of(line[-1]))
    return line[-1] if is_nan else _between(line, share * (line.size - 1))


def _quantiles(a: Elements, q: Any, axis: Any, whole: float) -> Elements:
    shares = np.asarray(values_of(q)) / whole
    results = [along(partial(_quantile, share=share), a, axis) for share in shares.flat]
    if shares.ndim == 0:
        return results[0]
    block = np.stack([each if is_array(each) else _one(each) for each in results])
    return block.reshape(shares.shape + block.shape[1:])


def _one(element: Any) -> Any:
    array = np.empty((), object)
    array[()] = element
    return array


@own("quantile")
def quantile(a: Elements, q: Any, axis: Any = None) -> Elements:
    """Return the numbers that some shares of all lie below."""
    return _quantiles(a, q, axis, 1.0)


@own("percentile")
def percentile(a: Elements, q: Any, axis: Any = None) -> Elements:
    """Return the numbers that so many of a hundred lie below."""
    return _quantiles(a, q, axis, 100.0)


@own("median")
def median(a: Elements, axis: Any = None, keepdims: bool = False) -> Elements:
    """Return the number in the middle, or the mean of the two."""

    def middle(line: Elements) -> Any:
        values = values_of(line)
        if not line.size or np.isnan(values).any():
            return values.dtype.type(np.nan)
        line, half = _sorted(line), line.size // 2
        if line.size % 2:
            return line[half]
        return computed(np.divide, computed(np.add, line[half - 1], line[half]), 2.0)

    return along(middle, a, axis, keepdims)


def _without_nan(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a reduction that passes over nan."""

    def reduction(a: Elements, axis: Any = None, keepdims: bool = False) -> Elements:
        def of_line(line: Elements) -> Any:
            values = values_of(line)
            return function(line[~np.isnan(values)])

        return along(of_line, a, axis, keepdims)

    return reduction


def _or_nan(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda line: function(line) if line.size else np.float64(np.nan)


OWN["nansum"] = _without_nan(lambda line: _sum(line, None, False))
OWN["nanprod"] = _without_nan(lambda line: constants(_whole(np.prod(line), [line])))
OWN["nanmean"] = _without_nan(_or_nan(mean))
OWN["nanvar"] = _without_nan(_or_nan(var))
OWN["nanstd"] = _without_nan(_or_nan(std))
OWN["nanmax"] = _without_nan(_or_nan(highest))
OWN["nanmin"] = _without_nan(_or_nan(lowest))
OWN["nanmedian"] = _without_nan(_or_nan(median))


# Others


@own("select")
def select(condlist: Any, choicelist: Any, default: Any = 0.0) -> Elements:
    """Return the elements of the first choice whose condition holds."""
    result = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        result = computed(np.where, condition, choice, result)
    return result


@own("where")
def where(condition: Any, *choices: Any) -> Any:
    """Return the elements of one array or the other; or where a condition holds."""
    if not choices:
        return np.nonzero(values_of(condition))
    return computed(np.where, values_of(condition), *choices)


@own("clip")
def clip(a: Elements, a_min: Any = None, a_max: Any = None, **bounds: Any) -> Elements:
    """Return the elements, kept between bounds."""
    return computed(np.clip, a, bounds.get("min", a_min), bounds.get("max", a_max))


@own("nan_to_num")
def nan_to_num(
    x: Elements, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None
) -> Elements:  # noqa: ARG001
    """Return numbers in the place of nan and inf."""
    values = np.asarray(values_of(x))
    clean = np.nan_to_num(values, nan=nan, posinf=posinf, neginf=neginf)
    return computed(np.where, np.isfinite(values), x, clean)


def _single(x: Any) -> Any:
    """Return the element of an array without dimensions."""
    return x[()] if is_array(x) and not x.ndim else x


@own("linspace")
def linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True) -> Elements:
    """Return numbers evenly spaced from start to stop."""
    start, stop = _single(start), _single(stop)
    parts = max(num - 1 if endpoint else num, 1)
    step = computed(np.divide, computed(np.subtract, stop, start), float(parts))
    results = [computed(np.add, start, computed(np.multiply, float(k), step)) for k in range(num)]
    if endpoint and num > 1:
        results[-1] = stop
    return np.fromiter(results, object, num)


def arange(start: Any, stop: Any, step: Any = 1.0) -> Elements:
    """Return the numbers from start on, in steps, before stop."""
    count = len(np.arange(values_of(start), values_of(stop), values_of(step)))
    results = [
        computed(np.add, start, computed(np.multiply, float(k), step)) for k in range(count)
    ]
    return np.fromiter(results, object, count)


@own("interp")
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None) -> Elements:
    """Return the numbers on the lines from point to point."""
    xp, fp = objects(xp), objects(fp)
    places = values_of(xp)

    def at(number: Any) -> Any:
        value = values_of(number)
        if value < places[0]:
            return fp[0] if left is None else left
        if value >= places[-1]:
            return fp[-1] if right is None or value == places[-1] else right
        if np.isnan(value):
            return computed(np.multiply, number, np.nan)
        k = int(np.searchsorted(places, value, side="right")) - 1
        slope = computed(
            np.divide, computed(np.subtract, fp[k + 1], fp[k]), computed(np.subtract, xp[k + 1], xp[k])
        )
        return computed(np.add, fp[k], computed(np.multiply, slope, computed(np.subtract, number, xp[k])))

    if not is_array(x) or not x.ndim:
        return at(_single(x))
    return np.fromiter(map(at, objects(x).flat), object, x.size).reshape(x.shape)


@own("zeros_like", "ones_like", "empty_like", "full_like")
def full_like(a: Elements, fill: Any = 0.0, dtype: Any = None, shape: Any = None) -> Elements:
    """Return an array of constants; see `numgrad.tracer.adapted` for the other allocations."""
    kind = np.dtype(dtype) if dtype is not None else dtype_of(a)
    return objects(np.full(np.shape(a) if shape is None else shape, values_of(fill), kind))


OWN["ones_like"] = lambda a, dtype=None, shape=None: full_like(a, 1.0, dtype, shape)
OWN["zeros_like"] = OWN["empty_like"] = lambda a, dtype=None, shape=None: full_like(
    a, 0.0, dtype, shape
)


# Linear algebra: elimination on the elements, led by values


@own("norm")
def norm(x: Elements, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Elements:  # noqa: A002
    """Return the norm of vectors; of a matrix that of its elements, or of its rows and columns."""
    x = objects(x)
    if ord is not None and axis is None and x.ndim == 2:
        return _matrix_norm(x, ord)
    if isinstance(axis, tuple) and ord is not None:
        raise refusal("numpy.linalg.norm along two axes has no derivative here.", NO_RULE)
    order = 2 if ord is None else ord
    return along(lambda line: _vector_norm(line, order), x, axis, keepdims)


def _matrix_norm(x: Elements, order: Any) -> Any:
    if order == "fro":
        return _vector_norm(x.ravel(), 2)
    if not (np.isinf(order) or abs(order) == 1):
        raise refusal(f"the norm of a matrix of order {order} has no derivative here.", NO_RULE)
    sums = along(lambda line: _vector_norm(line, 1), x, 1 if np.isinf(order) else 0)
    return highest(sums) if order > 0 else lowest(sums)


def _vector_norm(line: Elements, order: Any) -> Any:
    sizes = computed(np.absolute, line)
    if not line.size:
        return _real(line).type(0)
    if order == 2:
        return _length(sizes)
    if np.isinf(order):
        return highest(sizes) if order > 0 else lowest(sizes)
    if order == 0:
        return _real(line).type(np.count_nonzero(values_of(line)))
    if order == 1:
        return np.sum(sizes)
    power = dtype_of(sizes).type(order)
    return computed(np.power, np.sum(computed(np.power, sizes, power)), 1 / power)


def _length(sizes: Elements) -> Any:
    """Return the Euclidean norm: by hypot where squares overflow, or vanish."""
    square = np.sum(computed(np.multiply, sizes, sizes))
    if np.isfinite(values_of(square)) and values_of(square) > 1e-280:
        return computed(np.sqrt, square)
    total = dtype_of(sizes).type(0)
    for size in sizes:
        total = computed(np.hypot, total, size)
    return total


def _less(a: Elements, row: int, k: int, factor: Any) -> Elements:
    """Return a row of a matrix less a multiple of another."""
    return computed(np.subtract, a[row], computed(np.multiply, factor, a[k]))


def _check_square(a: Elements) -> None:
    if np.ndim(a) != 2 or a.shape[0] != a.shape[1]:
        raise refusal("stacks of matrices and oblong ones have no derivative here.", NO_RULE)


@own("det")
def det(a: Elements) -> Any:
    """Return the determinant: the product of the pivots, each the largest of what is left.

    What is left may be 0 everywhere, and is expanded by minors then: it has derivatives.
    """
    _check_square(a)
    a, result = objects(a).copy(), dtype_of(a).type(1)
    while len(a) > 1:
        sizes = np.abs(values_of(a))
        row, column = np.unravel_index(np.argmax(sizes), sizes.shape)
        if sizes[row, column] == 0.0:
            break
        result = computed(np.multiply, result, a[row, column] * (-1.0) ** int(row + column))
        below = np.arange(len(a)) != row
        factors = [computed(np.divide, factor, a[row, column]) for factor in a[below, column]]
        lines = zip(np.flatnonzero(below), factors, strict=True)
        left = np.stack([_less(a, each, row, factor) for each, factor in lines])
        a = np.delete(left, column, axis=1)
    return computed(np.multiply, result, _by_minors(a)) if len(a) else result


def _by_minors(a: Elements) -> Any:
    if len(a) == 1:
        return a[0, 0]
    terms = [
        computed(np.multiply, a[0, k] * (-1.0) ** k, _by_minors(np.delete(a[1:], k, axis=1)))
        for k in range(len(a))
    ]
    return sum(terms[1:], terms[0])


@own("solve")
def solve(a: Elements, b: Elements) -> Elements:
    """Return the x with a @ x = b, by elimination with the largest pivots of the columns."""
    _check_square(a)
    a, b = objects(a).copy(), objects(b).copy()
    for k in range(len(a)):
        pivot = k + int(np.argmax(np.abs(values_of(a[k:, k]))))
        if values_of(a[pivot, k]) == 0.0:
            raise np.linalg.LinAlgError("Singular matrix")
        if pivot != k:
            a[[k, pivot]], b[[k, pivot]] = a[[pivot, k]], b[[pivot, k]]
        for row in range(k + 1, len(a)):
            factor = computed(np.divide, a[row, k], a[k, k])
            a[row], b[row] = _less(a, row, k, factor), _less(b, row, k, factor)
    for row in reversed(range(len(a))):
        for k in range(row + 1, len(a)):
            b[row] = _less(b, row, k, a[row, k])
        b[row] = computed(np.divide, b[row], a[row, row])
    return b


@own("inv")
def inv(a: Elements) -> Elements:
    """Return the inverse of a matrix."""
    _check_square(a)
    return solve(a, np.eye(len(a), dtype=dtype_of(a)))

