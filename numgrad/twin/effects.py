"""The effects of known functions on the memory of their arguments: one table.

The result of a function or a method that isn't listed here may alias all arguments, and all of
them may be written to. Listed are

- those whose result is new memory,
- those whose result may alias an argument, with its position,
- those that write to an argument, with its position,
- those of containers and iterators, as functions of shapes (see `numgrad.twin.aliases`).

Memory that a function keeps for itself, such as the state of a generator of random numbers, holds
no floats that it was given.
"""

import builtins
import cmath
import math
import random
from dataclasses import dataclass

import numba
import numpy as np
from numba.np.unsafe.ndarray import empty_inferred
from numba.typed import Dict, List

from numgrad.twin.aliases import Container, assign, confuse, items_of, share, unify


@dataclass(frozen=True)
class Effects:
    """The effects of a call: positions of arguments."""

    shares: tuple[int, ...] = ()  # which the result may alias
    writes: tuple[int, ...] = ()  # which are written


FRESH = Effects()
MOST = 32  # arguments of functions that take any number

FRESH_FUNCTIONS = """
all allclose amax amin angle any append arange argmax argmin argpartition argsort argwhere array
array_equal average bartlett bincount blackman broadcast_shapes can_cast column_stack concatenate
convolve copy corrcoef correlate count_nonzero cov cross cumprod cumsum delete diag diagflat diff
digitize dstack dtype ediff1d empty empty_like extract eye finfo flatnonzero full full_like
geomspace gradient hamming hanning hstack identity iinfo indices insert interp intersect1d isclose
iscomplex iscomplexobj isin isreal isrealobj isscalar issubdtype kaiser kron linspace logspace max
mean median min nanargmax nanargmin nancumprod nancumsum nanmax nanmean nanmedian nanmin
nanpercentile nanprod nanquantile nanstd nansum nanvar ndindex nonzero ones ones_like
partition percentile prod ptp quantile repeat result_type roll roots searchsorted select setdiff1d
setxor1d shape sinc size sort stack std sum take take_along_axis trace trapezoid tri tril
tril_indices tril_indices_from triu triu_indices triu_indices_from union1d unique unwrap vander
var vdot vstack where zeros zeros_like clip around round dot outer isneginf isposinf
""".split()

FRESH_IN_LINALG = """
solve inv det slogdet lstsq cholesky qr eig eigh eigvals eigvalsh svd pinv matrix_power
matrix_rank norm cond
""".split()

# The result may alias the first argument.
VIEWS_OF_FIRST = """
asarray ascontiguousarray asfortranarray asfarray asarray_chkfinite require ravel reshape
transpose swapaxes squeeze expand_dims broadcast_to flip fliplr flipud rot90 rollaxis moveaxis
diagonal split array_split hsplit vsplit dsplit real imag trim_zeros frombuffer ndenumerate resize
""".split()

WRITES = {
    "fill_diagonal": 0,
    "copyto": 0,
    "put": 0,
    "place": 0,
    "putmask": 0,
}

# Functions with an output among their positional arguments; that of a ufunc comes last.
OUTPUTS = {
    "dot": 2,
    "outer": 2,
    "clip": 3,
    "around": 2,
    "round": 2,
    "round_": 2,
    "concatenate": 2,
}

FRESH_BUILTINS = """
abs bool complex divmod float hash int isinstance len max min ord chr pow print range repr round
slice str sum type hasattr issubclass callable
""".split()

FRESH_METHODS = """
all any argmax argmin argsort astype conj conjugate copy cumprod cumsum dot flatten item
max mean min nonzero prod repeat std sum take tobytes var
""".split()

VIEWS_BY_METHODS = "ravel reshape transpose swapaxes squeeze diagonal view".split()

WRITING_METHODS = "fill sort partition itemset put resize".split()


def named(module, names):
    """Return those functions of a module that this version of it has."""
    return [getattr(module, name) for name in names if hasattr(module, name)]


# Functions that draw from a generator that all share
RANDOM = frozenset(
    function
    for module in (np.random, random)
    for name, function in vars(module).items()
    if name[0].islower() and callable(function)
)


def of_functions():
    """Return the table of functions, by the functions themselves."""
    table = dict.fromkeys(named(np, FRESH_FUNCTIONS), FRESH)
    table |= dict.fromkeys(named(np.linalg, FRESH_IN_LINALG), FRESH)
    table |= dict.fromkeys(named(builtins, FRESH_BUILTINS), FRESH)
    for module in (math, cmath):
        table |= {each: FRESH for each in vars(module).values() if callable(each)}
    table |= {
        each: FRESH for each in vars(np).values() if isinstance(each, np.ufunc)
    }  # of an output that is given see `output_of`
    table |= dict.fromkeys(RANDOM, FRESH)
    table |= dict.fromkeys((np.random.shuffle, random.shuffle), Effects(writes=(0,)))
    table |= dict.fromkeys(named(np, VIEWS_OF_FIRST), Effects(shares=(0,)))
    for name in ("as_strided", "sliding_window_view"):
        table[getattr(np.lib.stride_tricks, name)] = Effects(shares=(0,))
    table[np.nan_to_num] = Effects(shares=(0,), writes=(0,))
    table |= {getattr(np, name): Effects(writes=(k,)) for name, k in WRITES.items()}
    table |= {each: Effects(shares=(0,)) for each in (numba.carray, numba.farray)}
    table |= {
        empty_inferred: FRESH,
        numba.prange: FRESH,
        List.empty_list: FRESH,
        Dict.empty: FRESH,
        np.histogram: Effects(shares=(1,)),  # the edges of bins that it is given
    }
    of_several = ["atleast_1d", "atleast_2d", "atleast_3d", "broadcast_arrays", "nditer"]
    return table | dict.fromkeys(named(np, of_several), Effects(shares=tuple(range(MOST))))


FUNCTIONS = of_functions()
METHODS = {
    **dict.fromkeys(FRESH_METHODS, FRESH),
    **dict.fromkeys(VIEWS_BY_METHODS, Effects(shares=(0,))),  # the object is the first argument
    **dict.fromkeys(WRITING_METHODS, Effects(writes=(0,))),
}


OPERATORS_ON_SAMPLES = "gradient differentiate laplacian divergence curl".split()
# Functions for compiled code whose results are new: an output is given by name
FRESH_HERE = {
    *((f"numgrad.fields.operators.{name}", name) for name in OPERATORS_ON_SAMPLES),
    ("numgrad.numbers.dual.number", "Dual"),
    ("numgrad.arrays.activation", "shown"),
    ("numba.experimental.structref", "new"),
}


def is_fresh_here(function):
    """Whether a function is one of those whose result is new memory."""
    where = getattr(function, "__module__", None), getattr(function, "__name__", None)
    return where in FRESH_HERE


def is_new_struct(function):
    """Whether a function makes a new structref of a type."""
    where = getattr(function, "__module__", None), getattr(function, "__name__", None)
    return where == ("numba.experimental.structref", "new")


def output_of(function):
    """Return the position of the argument that a function of NumPy writes its result to."""
    if isinstance(function, np.ufunc):
        return function.nin
    if (getattr(function, "__module__", None) or "").startswith("numpy"):
        return OUTPUTS.get(getattr(function, "__name__", ""))
    return None


# Containers and iterators: functions of the shape of the result and of those of the arguments.


def share_items(target, source=None):
    """Let the result be a container of the items of another, or an iterator over them."""
    share(target.items if isinstance(target, Container) else target, items_of(source))


def share_next(target, iterator, *default):
    share_whole(target, items_of(iterator), *default)


def share_whole(target, source, *others):
    for each in (source, *others):
        assign(target, each)


def share_zipped(target, *sources):
    for item, source in zip(target.items, sources, strict=True):
        share(item, items_of(source))


def share_enumerated(target, source, *_):
    share_zipped(target, None, source)


def share_mapping(target, source=None):
    """Let a dictionary be a copy of another, or be made of pairs."""
    if isinstance(source, Container) and source.keys is not None:
        unify(target, source)
    elif source is not None:
        confuse(target, source)


def share_slices(target, *sources):
    """Let the result be a tuple or a container whose items may be any of those given."""
    for each in target if isinstance(target, tuple) else (target.items,):
        for source in sources:
            share(each, items_of(source))


def give_item(target, container, *given):
    """Put an item into a container; where it goes or under what key doesn't matter."""
    container.place.write()
    *keys, item = given
    assign(container.items, item)
    for key in keys if container.keys is not None else ():
        assign(container.keys, key)


def give_items(target, container, *given):
    """Put the items of another container into a container."""
    container.place.write()
    for source in given:
        if isinstance(source, Container) and source.keys is not None:
            assign(container.items, source.items)
            assign(container.keys, source.keys)
        else:
            assign(container.items, items_of(source))


def set_default(target, container, *given):
    give_item(target, container, *given)
    assign(target, container.items)


def take_item(target, container, *default):
    container.place.write()
    share_whole(target, container.items, *default[1:])


def get_value(target, container, *given):
    share_whole(target, container.items, *given[1:])


def take_pair(target, container):
    container.place.write()
    assign(target, (container.keys, container.items))


def pairs_of(target, container):
    assign(target.items, (container.keys, container.items))


def keys_of(target, container):
    assign(target.items, container.keys)


def values_of(target, container):
    assign(target.items, container.items)


def copy_of(target, container, *others):
    """Let the result be a container of its own with items of others."""
    for each in (container, *others):
        unify(target.items, each.items)
        unify(target.keys, each.keys)


def change_order(target, container, *_):
    container.place.write()


def look_up(target, container, *_):
    """Share nothing: the result is an index or a count."""


SHAPED = {
    zip: share_zipped,
    enumerate: share_enumerated,
    iter: share_items,
    reversed: share_items,
    next: share_next,
    list: share_items,
    sorted: share_items,
    set: share_items,
    List: share_items,
    dict: share_mapping,
    Dict: share_mapping,
    tuple: share_slices,
    numba.literal_unroll: share_whole,
    numba.literally: share_whole,
}

OF_CONTAINERS = {
    "append": give_item,
    "add": give_item,
    "insert": give_item,
    "setdefault": set_default,
    "extend": give_items,
    "update": give_items,
    "pop": take_item,
    "get": get_value,
    "popitem": take_pair,
    "items": pairs_of,
    "keys": keys_of,
    "values": values_of,
    "copy": copy_of,
    "union": copy_of,
    "intersection": copy_of,
    "difference": copy_of,
    "symmetric_difference": copy_of,
    "clear": change_order,
    "reverse": change_order,
    "sort": change_order,
    "remove": change_order,
    "discard": change_order,
    "count": look_up,
    "index": look_up,
}
