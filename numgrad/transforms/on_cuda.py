"""``vmap`` and ``derivative`` over arrays on a GPU: one item a thread.

The host works out, from the shapes of the arrays, what an item is and which results there are, and
writes a kernel for it. Inside, an item's arrays have shapes that are known while compiling: see
`numgrad.drivers.sized`.
"""

import operator
from dataclasses import dataclass
from functools import cache, reduce
from typing import Any

import numpy as np
from numba import typeof, types
from numba.core.errors import NumbaError

from numgrad.drivers.overloads import return_type
from numgrad.drivers.sized import SizedArray, local_array
from numgrad.drivers.structure import Leaf, leaves, mapped, source_of, structure_of
from numgrad.drivers.transform import Transform
from numgrad.targets import cuda_arrays, cuda_compiler, cuda_device
from numgrad.twin.origins import DRIVERS
from numgrad.twin.source import Body, function_of


@dataclass(frozen=True)
class Whole:
    """An argument that every item gets as it is."""

    kind: types.Type

    @property
    def item(self):
        return self.kind

    def source(self, name, writer):
        return name


@dataclass(frozen=True)
class Along:
    """An array whose items lie along an axis."""

    kind: types.Array
    axis: int
    sizes: tuple[int, ...]  # of an item

    @property
    def item(self):
        return SizedArray(self.kind.dtype, self.sizes, "C") if self.sizes else self.kind.dtype

    def source(self, name, writer):
        if not self.sizes:
            return f"{name}[k]"
        places = [f"i{d}" for d in range(len(self.sizes))]
        places.insert(self.axis, "k")
        return writer.copy(f"{name}[{', '.join(places)}]", name, self)


@dataclass(frozen=True)
class Points:
    """An array each of whose numbers is an item, after it has taken the shape of all."""

    kind: types.Array
    shape: tuple[int, ...]

    @property
    def item(self):
        return self.kind.dtype

    def source(self, name, writer):
        if self.kind.ndim <= 1:
            return f"{name}[k]"
        places, before = [], 1
        for length in reversed(self.shape):
            places.append(f"k // {before} % {length}")
            before *= length
        return f"{name}[{', '.join(reversed(places))}]"


@dataclass(frozen=True)
class Tuple:
    """A tuple of arguments."""

    members: tuple["Argument", ...]

    @property
    def item(self):
        return types.Tuple([member.item for member in self.members])

    def source(self, name, writer):
        items = [member.source(f"{name}[{k}]", writer) for k, member in enumerate(self.members)]
        return source_of(tuple(items))


Argument = Whole | Along | Points | Tuple


class Writer:
    """The source of a kernel's loop over items, as it is written."""

    def __init__(self, function):
        self.names = {"function": function, "cuda": cuda_device.loaded()}
        self.before = []  # the loop
        self.lines = []
        self.copies = 0

    def copy(self, element, array, along):
        """Copy an item into the memory of its thread; return the source of it.

        So it is contiguous however the arrays lie in memory, and read from them but once.
        """
        name = f"c{self.copies}"
        self.copies += 1
        self.names[f"local_{name}"] = local_array(along.sizes, along.kind.dtype)
        self.before.append(f"{name} = local_{name}()")
        for d, size in enumerate(along.sizes):
            self.lines.append("    " * d + f"for i{d} in range({size}):")
        places = ", ".join(f"i{d}" for d in range(len(along.sizes)))
        self.lines.append("    " * len(along.sizes) + f"{name}[{places}] = {element}")
        return name


@cache
def kernel_of(function, arguments):
    """Return the kernel that maps a function, and the structure, types and shapes of its results.

    It takes the number of items, the arguments and the arrays of the results.
    """
    items = [argument.item for argument in arguments]
    with cuda_compiler.compiling():
        structure = results_of(function, items)
    results = leaves(structure)
    writer = Writer(function)
    call = ", ".join(argument.source(f"a{k}", writer) for k, argument in enumerate(arguments))
    lines = writer.lines
    if any(leaf.is_array for leaf in results):
        places = iter(f"r{k}[k{', :' * leaf.kind.ndim}]" for k, leaf in enumerate(results))
        lines.append(
            f"function({call}, out={source_of(mapped(lambda _: next(places), structure))})"
        )
    else:
        lines.append(f"item = function({call})")
        lines += [f"r{k}[k] = {leaf.expression}" for k, leaf in enumerate(results)]
    loop = "for k in range(cuda.grid(1), count, cuda.gridsize(1)):"
    parameters = ["count", *(f"a{k}" for k in range(len(arguments)))]
    parameters += [f"r{k}" for k in range(len(results))]
    body = Body([*writer.before, loop, *(f"    {line}" for line in lines)], writer.names)
    kernel = cuda_compiler.Kernel(
        function_of("map_items", ", ".join(parameters), body), contraction=True
    )
    return kernel, structure


def results_of(function, items):
    """Return the structure of what a function returns for an item."""
    transform = DRIVERS.get(function)
    if transform is not None and transform.stores_results and has_arrays(items):
        results = transform.passes(tuple(items)).structure
        found = mapped(lambda result: Leaf("", shaped(result)), results)
        if all(leaf.is_array for leaf in leaves(found)):
            return found
    name = getattr(function, "py_func", function).__name__
    try:
        structure = structure_of("item", return_type(function, items))
    except NumbaError as error:
        if "returning of array" not in str(error) and "NRT required" not in str(error):
            raise
        raise TypeError(
            f"{name} makes an array, for which a thread of a GPU has no memory: let it return a "
            "number or a tuple of numbers, and map numgrad.grad or numgrad.jacobian of it"
        ) from error
    if any(leaf.is_array for leaf in leaves(structure)):
        raise TypeError(f"{name} returns an array: on a GPU it must return a number or a tuple")
    return structure


def has_arrays(kinds):
    return any(leaf.is_array for kind in kinds for leaf in leaves(structure_of("", kind)))


def shaped(result):
    """Return the type of a derivative: an array if its input is one."""
    sizes = tuple(
        size
        for leaf in (result.output, result.by.leaf)
        if leaf.is_array
        for size in leaf.kind.sizes
    )
    return SizedArray(result.element, sizes, "C") if sizes else result.element


# A call


def is_array(argument):
    return isinstance(argument, np.ndarray) or cuda_arrays.is_on_device(argument)


def shadow_of(argument):
    return cuda_arrays.shadow_of(argument) if cuda_arrays.is_on_device(argument) else argument


def map_items(transform, arguments, axes, out):
    """Return the results of a mapped function for all items, each beside the next."""
    cuda_device.ready()
    if cuda_device.simulated():
        return simulated(transform, arguments, out)
    counts: list[int] = []
    described = tuple(along(*pair, counts) for pair in zip(arguments, axes, strict=True))
    if not counts:
        raise TypeError(
            "vmap needs an array to go through: none of the arguments that in_axes names is one"
        )
    if len(set(counts)) > 1:
        raise ValueError("vmap: the arrays have different lengths along their axes")
    return run(transform.function, described, arguments, (counts[0],), out)


def along(argument, axis, counts):
    """The part of an argument that an item gets; note how many items there are."""
    if isinstance(argument, tuple):
        return Tuple(tuple(along(member, axis, counts) for member in argument))
    if axis is None:
        return Whole(typeof(shadow_of(argument)))
    if not is_array(argument) or shadow_of(argument).ndim == 0:
        raise TypeError(
            f"vmap can't go through an argument of type {type(argument).__name__}, which is not an "
            "array with an axis: give it None in in_axes"
        )
    shadow = shadow_of(argument)
    axis %= shadow.ndim
    counts.append(shadow.shape[axis])
    sizes = tuple(n for d, n in enumerate(shadow.shape) if d != axis)
    return Along(typeof(shadow), axis, sizes)


def map_points(transform, arguments, out):
    """Return a derivative at all points of arrays, broadcast together."""
    cuda_device.ready()
    if cuda_device.simulated() or not any(map(is_array, arguments)):
        return simulated(transform, arguments, out)
    shape = np.broadcast_shapes(*(shadow_of(a).shape for a in arguments if is_array(a)))
    described: list[Argument] = []
    spread: list[Any] = []
    for argument in arguments:
        if not is_array(argument):
            described.append(Whole(typeof(argument)))
            spread.append(argument)
            continue
        shadow = shadow_of(argument)
        if shadow.shape == shape and shadow.flags.c_contiguous:
            shadow = shadow.reshape(-1)
        else:
            shadow = np.broadcast_to(shadow, shape)
        described.append(Points(typeof(shadow), shape))
        spread.append(Spread(argument, shadow))
    return run(transform.driver("at a point"), tuple(described), spread, shape, out)


def simulated(transform, arguments, out):
    """The results of the host: the simulator runs kernels as Python, where there are no duals."""
    host = [mapped(shadow_of, argument) for argument in arguments]
    keywords = {} if out is None else {"out": mapped(shadow_of, out)}
    results = Transform.__call__(transform, *host, **keywords)
    if out is not None:
        return out
    if first_on_device(arguments) is None:
        return results
    return mapped(lambda array: cuda_arrays.to_device(np.asarray(array), 0), results)


@dataclass(frozen=True)
class Spread:
    """An array, and the shadow of the shape that it has taken."""

    array: Any  # of NumPy, or of a library for GPUs
    shadow: np.ndarray[Any, Any]


def run(function, described, arguments, shape, out):
    """Launch a kernel over so many items as a shape has, and return its results."""
    kernel, structure = kernel_of(function, described)
    elements = [leaf.element for leaf in leaves(structure)]
    sizes = [leaf.kind.sizes if leaf.is_array else () for leaf in leaves(structure)]
    of_device = first_on_device(arguments)
    stream = cuda_arrays.stream_of(None, [] if of_device is None else [of_device])
    shapes = [(*shape, *size) for size in sizes]
    dtypes = [np.dtype(str(element)) for element in elements]
    outputs = checked(out, shapes, dtypes)
    if outputs is None:
        outputs = [
            np.empty(*each) if of_device is None else cuda_arrays.empty_of(of_device, *each, stream)
            for each in zip(shapes, dtypes, strict=True)
        ]
    count = reduce(operator.mul, shape, 1)
    if count:
        given = [loaded(argument, stream) for argument in arguments]
        results = [
            cuda_arrays.array_at(cuda_arrays.shadow_of(output), output)
            if cuda_arrays.is_on_device(output)
            else cuda_arrays.empty(reduce(operator.mul, whole, 1), dtype, stream).reshape(whole)
            for output, whole, dtype in zip(outputs, shapes, dtypes, strict=True)
        ]
        lines = [
            result.reshape((count, *size)) for result, size in zip(results, sizes, strict=True)
        ]
        kernel.launch(count, stream, count, *given, *lines)
        for output, result in zip(outputs, results, strict=True):
            if not cuda_arrays.is_on_device(output):
                output[...] = result.copy_to_host()
    if out is not None:
        return out
    names = iter(outputs)
    return mapped(lambda _: next(names), structure)


def first_on_device(arguments):
    for argument in arguments:
        argument = argument.array if isinstance(argument, Spread) else argument
        if isinstance(argument, tuple):
            found = first_on_device(argument)
            if found is not None:
                return found
        elif cuda_arrays.is_on_device(argument):
            return argument
    return None


def loaded(argument, stream):
    """Return an argument as the kernel takes it."""
    if isinstance(argument, tuple):
        return tuple(loaded(member, stream) for member in argument)
    array, shadow = argument, None
    if isinstance(argument, Spread):
        array, shadow = argument.array, argument.shadow
    if cuda_arrays.is_on_device(array):
        return cuda_arrays.array_at(
            cuda_arrays.shadow_of(array) if shadow is None else shadow, array
        )
    if not isinstance(array, np.ndarray):
        return array
    return cuda_arrays.to_device(array if shadow is None else shadow, stream)


def checked(out, shapes, dtypes):
    """Return the caller's arrays in order if the results fit into them."""
    if out is None:
        return None
    outputs = leaves(out)
    if len(outputs) != len(shapes):
        raise TypeError(
            f"out must hold {len(shapes)} array{'s' if len(shapes) != 1 else ''}, one for each "
            f"result, but {len(outputs)} came"
        )
    for output, shape, dtype in zip(outputs, shapes, dtypes, strict=True):
        shadow = shadow_of(output)
        if not isinstance(shadow, np.ndarray) or shadow.dtype != dtype:
            raise TypeError(f"out must be an array of {dtype}")
        if shadow.shape != shape:
            raise ValueError(f"out has shape {shadow.shape}, but the result has shape {shape}")
        if cuda_arrays.is_on_device(output) and not shadow.flags.c_contiguous:
            raise ValueError("out on a GPU must be contiguous")
        if not is_distinct(shadow):
            raise ValueError(
                "out has several elements in one place of memory, where results would overwrite "
                "each other"
            )
    return outputs


def is_distinct(array):
    """Whether every element has a place of its own: see `numgrad.drivers.layouts`."""
    end = array.itemsize
    pairs = zip(map(abs, array.strides), array.shape, strict=True)
    for stride, length in sorted(pair for pair in pairs if pair[1] > 1):
        if stride < end and array.size:
            return False
        end += stride * (length - 1)
    return True
