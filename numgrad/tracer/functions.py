"""NumPy's functions of arrays, on traced ones.

Most of them move elements about or add and multiply them, and so take object arrays as they are.
What tests looks at values. Others have the bodies of compiled code (`bodies`), for every line or
matrix where NumPy knows axes and stacks, and what NumPy writes in Python is run as it is
(`sources`). Those that return views and those that write are written out beside this.
"""

import inspect
import warnings
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from numgrad.numbers.dual.number import Dual
from numgrad.tracer import fourier, linear_algebra, pieces, statistics, ufuncs
from numgrad.tracer.allocations import ALLOCATIONS
from numgrad.tracer.arrays import COPY, TracedArray, store, traced
from numgrad.tracer.bodies import OF_VALUES, NoBodyError, has_body, run
from numgrad.tracer.elements import cast, dtype_of, is_array, objects, values_of
from numgrad.tracer.inside import has_rule, inside_of, is_active, values_in
from numgrad.tracer.lines import IMPLEMENTED, one, whole
from numgrad.tracer.numbers import NO_RULE, Traced, TracedNumber, plain
from numgrad.tracer.operators import computed_by
from numgrad.tracer.places import refusal
from numgrad.tracer.products import with_constants
from numgrad.tracer.sources import are_same, by_source, source_of
from numgrad.tracer.values import value_by, valued
from numgrad.tracer.views import AS_ARRAY, PARTS, VIEWS, viewed
from numgrad.tracer.writing import WRITING, nan_to_num, written_by

# What takes arrays of any objects: it moves them, or needs nothing but their operators.
OF_OBJECTS = frozenset(
    """
    append block column_stack compress concatenate delete diagflat dstack extract hstack insert
    meshgrid repeat resize roll stack take take_along_axis tile tril triu vstack
    """.split()
)
# Those whose argument is a sequence of arrays: numbers in a traced one are arrays of no axis.
OF_SEQUENCES = frozenset("column_stack concatenate dstack hstack stack vstack".split())
# Those that add and multiply: their values are NumPy's, whatever the order of its additions.
OF_OPERATORS = frozenset(
    """
    convolve cross cumprod cumsum cumulative_prod cumulative_sum diff dot ediff1d einsum
    inner kron outer polyval prod sum tensordot trace trapezoid trapz vander vdot vecdot
    """.split()
)
# Those whose sums and products may have another dtype than the elements.
IN_DTYPE = frozenset("cumprod cumsum cumulative_prod cumulative_sum prod sum trace".split())
# Those whose results are some of many that would do.
OF_VECTORS = ("eig", "eigh", "qr", "svd")
# The modules that register what is written out, and what ufuncs do
REGISTERED = (fourier, linear_algebra, pieces, statistics, ufuncs)
# What is given the traced arrays themselves.
OF_TRACED: dict[Any, Callable[..., Any]] = {
    **PARTS,
    **AS_ARRAY,
    np.nan_to_num: nan_to_num,
    **{f: ALLOCATIONS[f] for f in (np.zeros_like, np.ones_like, np.empty_like, np.full_like)},
}

VIEW = "numpy.{} returns a view here, or writes, which is not followed."


def called(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Return what one of NumPy's functions gives for traced numbers."""
    out, arguments, keywords = _without_out(function, arguments, keywords)
    if function in WRITING:
        return written_by(function, arguments, keywords)
    result = _result(function, arguments, keywords)
    if out is None:
        return result
    _check_out(function, arguments, keywords, out, np.shape(result))
    store(out, ..., result)
    return out


def _check_out(
    function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any], out: Any, shape: Any
) -> None:
    """Raise what NumPy raises for an array that is given for the result."""
    others = {k: values_in(v) for k, v in keywords.items()}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        function(*map(values_in, arguments), **others, out=np.empty_like(plain(out)))
    room = np.shape(out)[len(np.shape(out)) - len(shape) :]
    is_broadcast = len(room) == len(shape) and all(
        n in (1, m) for n, m in zip(shape, room, strict=True)
    )
    is_refused = function in (np.cumsum, np.cumprod) and shape != np.shape(out)
    if is_refused or not is_broadcast:
        raise refusal(
            f"numpy.{function.__name__} into an array of another shape has no derivative here.",
            NO_RULE,
        )


def _result(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    name = "norm" if function is np.linalg.norm else function.__name__
    if function in OF_TRACED:
        return OF_TRACED[function](*arguments, **keywords)
    if name in VIEWS:
        return viewed(function, arguments, keywords)
    if name in OF_VALUES:
        return function(
            *map(values_in, arguments), **{k: values_in(v) for k, v in keywords.items()}
        )
    if name in IMPLEMENTED and _takes(IMPLEMENTED[name], arguments, keywords):
        try:
            return _written_out(function, name, arguments, keywords)
        except NoBodyError:
            pass
    if function is np.dot and not keywords:
        elements = with_constants(*arguments)
        if elements is not None:
            elements = elements if elements.ndim else elements[()]
            value = quiet_value_by(function, arguments, {})
            return traced(valued(elements, value), name, arguments)
    if name in OF_OBJECTS or name in OF_OPERATORS:
        return _of_objects(function, arguments, keywords)
    if has_rule(function):
        return computed_by(function, _positional(function, arguments, keywords))
    if not is_active((*arguments, *keywords.values())):
        return _of_copies(function, arguments, keywords)
    if has_body(function):
        try:
            return _by_body(function, arguments, keywords)
        except NoBodyError:
            pass
    if source_of(function) is not None:
        return _by_source(function, arguments, keywords)
    given = f" with {', '.join(keywords)}" if keywords else ""
    raise refusal(f"numpy.{name}{given} has no derivative here.", NO_RULE)


def _takes(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> bool:
    """Tell whether what is written out here has all parameters that are asked for."""
    try:
        inspect.signature(function).bind(*arguments, **keywords)
    except TypeError:
        return False
    return True


def _by_body(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Compute a function by the body that compiled code has of it."""
    like = quiet_value_by(function, arguments, keywords)
    inside = [_as_precise(inside_of(argument), like) for argument in arguments]
    elements = run(function, *inside, **{k: inside_of(v) for k, v in keywords.items()})
    return _in_form(elements, like, inside, function.__name__, arguments)


def _as_precise(elements: Any, like: Any) -> Any:
    """Return elements in the precision of the result, where NumPy computes in a higher one."""
    if not (is_array(elements) and elements.dtype == object and hasattr(like, "dtype")):
        return elements
    dtype, wanted = dtype_of(elements), like.dtype
    is_higher = dtype.kind == wanted.kind and dtype.itemsize < wanted.itemsize
    return cast(elements, wanted) if is_higher else elements


def _by_source(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Compute a function by NumPy's own code."""
    like = quiet_value_by(function, arguments, keywords)
    try:
        result = by_source(function, arguments, keywords)
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise refusal(f"numpy.{function.__name__} has no derivative here.", NO_RULE) from error
    if not are_same(result, like):
        raise refusal(f"numpy.{function.__name__} has no derivative here.", NO_RULE)
    return with_values_of(result, like)


def with_values_of(result: Any, like: Any) -> Any:
    """Give what NumPy's code computed step by step the values that it has for numbers."""
    if isinstance(result, list | tuple):
        parts = [with_values_of(each, value) for each, value in zip(result, like, strict=True)]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    if not isinstance(result, Traced):
        return result
    dtype = np.asarray(like).dtype
    if result.dtype != dtype:
        result = traced(cast(result.elements, dtype), "astype", (result, dtype))
    if isinstance(result, TracedNumber):
        return TracedNumber(valued(result.elements, like), result.node, result.is_python)
    if np.array_equal(result.values, like, equal_nan=True):
        return result  # which may be a view
    return TracedArray.of(valued(result.elements, like), result.node, dtype)


@lru_cache(maxsize=256)
def _parameters(function: Any) -> tuple[str, ...]:
    """Return the names of the parameters that may be given by their positions."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # NumPy before 2.1 doesn't tell the signatures of some
        return ()
    return tuple(
        p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    )


def _without_out(
    function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]
) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """Return the array that is given for the result, and the other arguments."""
    names = _parameters(function)
    if "out" not in names or len(arguments) <= names.index("out"):
        return keywords.get("out"), arguments, {k: v for k, v in keywords.items() if k != "out"}
    k = names.index("out")
    after = dict(zip(names[k + 1 :], arguments[k + 1 :], strict=False))
    return arguments[k], arguments[:k], {**after, **keywords}


def _of_objects(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Return what a function gives for object arrays: that may be a view, or an argument itself."""
    name = function.__name__
    operands = (*arguments, *keywords.values())
    inside = [inside_of(argument) for argument in arguments]
    if name in OF_SEQUENCES and is_array(inside[0]) and inside[0].ndim == 1:
        inside[0] = [one(each) for each in inside[0]]
    given = {k: inside_of(v) for k, v in keywords.items()}
    pairs = list(zip(operands, [*inside, *given.values()], strict=True))
    if name in IN_DTYPE:
        inside, given = _in_dtype(function, inside, given)
    elements = whole(function(*inside, **given), inside)
    like = quiet_value_by(function, arguments, keywords) if name in OF_OPERATORS else None

    def made(each: Any, value: Any) -> Any:
        for source, copy in pairs:
            if not (isinstance(source, TracedArray) and is_array(each)):
                continue
            if each is copy:
                return source
            if np.may_share_memory(each, copy):
                if copy is not source.raw:  # of complex numbers
                    raise refusal(VIEW.format(name), COPY)
                return source.taken(each, name, operands)
        if is_array(value) and is_array(each) and value.dtype.kind != dtype_of(each).kind:
            each = cast(each, value.dtype)  # sums of nothing are whole numbers among objects
        each = each if like is None else valued(each, value)
        known = [source.dtype for source in arrays_in(operands)]
        is_empty = is_array(each) and not each.size  # which doesn't tell its dtype
        return traced(each, name, operands, np.result_type(*known) if is_empty and known else None)

    if isinstance(elements, list | tuple):
        return type(elements)(made(each, None) for each in elements)
    return made(elements, like)


def _in_dtype(
    function: Any, inside: list[Any], given: dict[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments of a sum or product with the elements in the dtype that is asked for."""
    names = _parameters(function)
    given = {**dict(zip(names, inside, strict=False)), **given}
    dtype = given.pop("dtype", None)
    if "where" in given and "initial" not in given:  # which objects have no neutral one for
        given["initial"] = 1 if function is np.prod else 0
    first = given.pop(names[0])
    return [first if dtype is None else cast(first, np.dtype(dtype))], given


def arrays_in(operands: Any) -> Iterator[TracedArray]:
    """Return the traced arrays among operands, in lists and tuples too."""
    for operand in operands:
        if isinstance(operand, TracedArray):
            yield operand
        elif isinstance(operand, list | tuple):
            yield from arrays_in(operand)


def _written_out(
    function: Any, name: str, arguments: tuple[Any, ...], keywords: dict[str, Any]
) -> Any:
    """Return what a function that is written out gives.

    NumPy's own is called for its errors, and for the dtype and the order of its result.
    """
    like = quiet_value_by(function, arguments, keywords)
    inside = [inside_of(argument) for argument in arguments]
    if _is_empty(like):
        return _in_form(like, like, inside, name, arguments)
    elements = IMPLEMENTED[name](*inside, **{k: inside_of(v) for k, v in keywords.items()})
    if name in OF_VECTORS:
        _check_same(elements, like, name)
    return _in_form(elements, like, inside, name, arguments)


def _is_empty(like: Any) -> bool:
    """Tell whether results have no numbers."""
    if isinstance(like, tuple):
        return all(map(_is_empty, like))
    return is_array(like) and not like.size


def _in_form(elements: Any, like: Any, inside: Any, name: str, arguments: Any) -> Any:
    """Return derivatives of elements with the function's own values, laid out as those are."""
    if isinstance(like, list | tuple):
        pairs = zip(elements, like, strict=True)
        parts = [_in_form(each, value, inside, name, arguments) for each, value in pairs]
        return type(like)(*parts) if hasattr(like, "_fields") else type(like)(parts)
    dtype = np.asarray(like).dtype
    if dtype.kind not in "fc":
        return like
    if is_array(elements) or isinstance(elements, Dual):
        elements = cast(elements, dtype)
    if not is_array(elements) or np.shape(like) != elements.shape:
        return traced(valued(whole(elements, inside), like), name, arguments)
    result = np.empty_like(like, object, subok=False)
    result[...] = valued(objects(elements), like)
    return traced(result, name, arguments, dtype)


def _check_same(elements: Any, like: Any, name: str) -> None:
    """Raise where other vectors were found than NumPy's: derivatives belong to the very same."""
    if isinstance(like, tuple):
        for each, value in zip(elements, like, strict=True):
            _check_same(each, value, name)
    elif not np.allclose(values_of(elements), like, 1e-6, 1e-6 * np.max(np.abs(like), initial=0.0)):
        raise refusal(f"numpy.linalg.{name} of this matrix has no derivative here.", NO_RULE)


def quiet_value_by(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return value_by(function, arguments, keywords)


def _of_copies(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Return what a function gives for copies of arrays without derivatives.

    It may write to none of them and return a view of none, since later on the arrays themselves
    may hold derivatives.
    """
    sources = (*arguments, *keywords.values())
    copies = [values_in(each) for each in sources]
    before = [np.copy(each) if is_array(each) else each for each in copies]
    count = len(arguments)
    result = function(*copies[:count], **dict(zip(keywords, copies[count:], strict=True)))
    for source, copy, old in zip(sources, copies, before, strict=True):
        if not isinstance(source, TracedArray):
            continue
        written = not np.array_equal(copy, old, equal_nan=True)
        members = result if isinstance(result, list | tuple) else (result,)
        shared = any(is_array(each) and np.may_share_memory(each, copy) for each in members)
        if written or shared:
            raise refusal(VIEW.format(function.__name__), COPY)
    return result


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


def array_function(
    self: Traced,  # noqa: ARG001
    function: Any,
    types: Any,  # noqa: ARG001
    inputs: tuple[Any, ...],
    keywords: dict[str, Any],
) -> Any:
    """Answer for traced operands when NumPy calls one of its functions."""
    return called(function, inputs, keywords)


setattr(Traced, "__array_function__", array_function)  # noqa: B010 - here, where they are known
