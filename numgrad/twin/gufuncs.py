"""Functions of ``guvectorize``: what NumPy does around their kernels, as compiled code.

The kernel is called on each part of its arguments that the signature speaks of, with one dimension
of the loop after another before it. Arguments are broadcast together over the loop; an output that
the caller leaves out is allocated and returned.
"""

import inspect
from typing import Any
from weakref import WeakKeyDictionary

import numba
import numpy as np
from numba import types
from numba.core.registry import cpu_target
from numba.extending import overload

from numgrad.arrays.creation import as_number, astype, item_type
from numgrad.numbers.carrier import active_type, is_carrier, is_none, number_of
from numgrad.targets.options import OF_GUFUNCS, taken_over
from numgrad.twin.errors import DifferentiationError
from numgrad.twin.source import Body, function_of

_callers: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
_loops: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()


def outputs_of(gufunc):
    """Return the positions of the arguments that a function of guvectorize writes to."""
    builder = gufunc.gufunc_builder
    first = len(builder.sin)
    return (*builder.writable_args, *range(first, first + len(builder.sout)))


def caller_of(gufunc, twin_of):
    """Return a compiled function with a gufunc's arguments, of which outputs may be left out."""
    if gufunc not in _callers:
        loop = loop_of(gufunc, twin_of)
        names = parameters_of(gufunc)
        count = len(gufunc.gufunc_builder.sin)
        defaults = [*names[:count], *(f"{name}=None" for name in names[count:])]
        body = Body([f"return loop({', '.join(names)})"], {"loop": loop})
        caller = function_of(gufunc.__name__, ", ".join(defaults), body)
        _callers.setdefault(gufunc, numba.njit(caller))
    return _callers[gufunc]


def loop_of(gufunc, twin_of):
    """Return the function that compiled code calls in the place of a gufunc."""
    if gufunc not in _loops:
        _loops.setdefault(gufunc, _loop_of(gufunc, twin_of))
    return _loops[gufunc]


def _loop_of(gufunc, twin_of):
    given = gufunc.gufunc_builder.targetoptions
    options = taken_over(given, OF_GUFUNCS)
    kernel = twin_of(numba.njit(gufunc.gufunc_builder.py_func, **options))
    names = parameters_of(gufunc)

    def loop(*arguments):
        raise NotImplementedError("compiled code only")

    @overload(loop, strict=False)
    def typed(*arguments):
        if len(arguments) < len(names):
            raise DifferentiationError(
                f"{gufunc.__name__} is called without {', '.join(names[len(arguments) :])}, which "
                "compiled code must be given: an array for each output behind the arguments"
            )
        writer = LoopWriter(gufunc, names, arguments)
        body = Body(writer.lines(), {**writer.names, "kernel": kernel})
        return function_of("loop", ", ".join(names), body)

    return loop


def parameters_of(gufunc):
    return list(inspect.signature(gufunc.gufunc_builder.py_func).parameters)


class LoopWriter:
    """The source of the loop around a kernel, for arguments of given types."""

    def __init__(self, gufunc, parameters, kinds):
        builder = gufunc.gufunc_builder
        signatures = [] if gufunc.is_dynamic else builder._sigs
        self.name = gufunc.__name__
        self.cores = [*builder.sin, *builder.sout]
        self.inputs = len(builder.sin)
        self.parameters, self.kinds = parameters, list(map(types.unliteral, kinds))
        self.kernel_kinds = chosen_signature(signatures, self.kinds[: self.inputs])
        self.carrier = highest_carrier(map(item_type, filter(is_there, self.kinds)))
        self.names: dict[str, Any] = {"np": np, "astype": astype, "as_number": as_number}
        self.outer = [
            ndim_of(kind) - len(core) if is_there(kind) else 0
            for kind, core in zip(self.kinds, self.cores, strict=True)
        ]
        self.ndim = max(self.outer)
        for k, kind in enumerate(self.kinds):
            if not is_there(kind):
                self.outer[k] = self.ndim

    def lines(self):
        before = [*self.conversions(), *self.shape(), *self.allocations()]
        lines = [*before, *self.loop()] if self.ndim else [*before, *self.step("()")]
        return [*lines, f"return {', '.join(self.returned())}"]

    def returned(self):
        """The source of the result: a number where there is no loop and the caller wants one."""
        return [
            f"{name}[()]" if not is_there(kind) and not (core or self.ndim) else name
            for name, kind, core in self.outputs()
        ]

    def outputs(self):
        return list(zip(self.parameters, self.kinds, self.cores, strict=True))[self.inputs :]

    def elements(self, position):
        """Return the type that the kernel has for the numbers of an argument."""
        kind = self.kinds[position]
        if self.kernel_kinds is None:
            return item_type(kind)
        number = item_type(self.kernel_kinds[position])
        carries = is_carrier(item_type(kind)) if is_there(kind) else self.carrier is not None
        return active_type(self.carrier, number) if carries else number

    def conversions(self):
        """Give the arguments the types that the kernel was compiled for."""
        lines = []
        for k, name in enumerate(self.parameters[: self.inputs]):
            kind = self.kinds[k]
            if isinstance(kind, types.Array) and kind.ndim == 0:
                lines.append(f"{name} = {name}[()]")
            elements = self.elements(k)
            if item_type(kind) != elements:
                self.names[f"elements{k}"] = elements
                self.names["carrier"] = self.carrier or elements
                convert = "astype" if ndim_of(kind) else "as_number"
                lines.append(f"{name} = {convert}(carrier, {name}, elements{k})")
        return lines

    def shape(self):
        """Broadcast the arguments together over the loop."""
        if not self.ndim:
            return ["shape = ()"]
        given = [
            name for name, kind in zip(self.parameters, self.kinds, strict=True) if is_there(kind)
        ]
        shapes = [
            f"{name}.shape[:{outer}]"
            for name, outer in zip(self.parameters, self.outer, strict=True)
            if name in given and outer
        ]
        together = f"np.broadcast_shapes({', '.join(shapes)})" if len(shapes) > 1 else shapes[0]
        lines = [f"shape = {together}"]
        for k, outer in enumerate(self.outer):
            if k < self.inputs and outer:
                name = self.parameters[k]
                whole = f"shape + {name}.shape[{outer}:]" if self.cores[k] else "shape"
                lines.append(f"{name} = np.broadcast_to({name}, {whole})")
        return lines

    def allocations(self):
        lines = []
        for k, (name, kind, core) in enumerate(self.outputs(), self.inputs):
            if is_there(kind):
                continue
            if self.kernel_kinds is None:
                raise DifferentiationError(
                    f"{self.name} can't be differentiated without its output: it was compiled for "
                    f"no types, so that {name} must be given, and out_argnum tell its position"
                )
            self.names[f"elements{k}"] = self.elements(k)
            sizes = "".join(f"{self.size(symbol)}, " for symbol in core)
            lines.append(f"{name} = np.zeros(shape + ({sizes}), elements{k})")
        return lines

    def size(self, symbol):
        """The source of the size of a dimension of the signature."""
        for k, core in enumerate(self.cores[: self.inputs]):
            if symbol in core:
                return f"{self.parameters[k]}.shape[{core.index(symbol) - len(core)}]"
        raise NotImplementedError(symbol)

    def loop(self):
        return [
            "for index in np.ndindex(shape):",
            *("    " + line for line in self.step("index")),
        ]

    def step(self, index):
        """Call the kernel once."""
        before, arguments, after = [], [], []
        for k, (name, core) in enumerate(zip(self.parameters, self.cores, strict=True)):
            is_output = k >= self.inputs
            place = f"{name}[{index}]" if self.outer[k] else name
            if core or not (is_output or self.takes_array(k)):
                arguments.append(place)
                continue
            if is_output and not self.outer[k]:
                place = f"{name}[()]"
            self.names[f"elements{k}"] = self.elements(k)
            before += [f"line{k} = np.empty(1, elements{k})", f"line{k}[0] = {place}"]
            arguments.append(f"line{k}")
            if is_output:
                after.append(f"{place} = line{k}[0]")
        return [*before, f"kernel({', '.join(arguments)})", *after]

    def takes_array(self, position):
        """Whether the kernel takes an array where the signature has no dimension."""
        kinds = self.kernel_kinds
        return kinds is not None and isinstance(kinds[position], types.Array)


def is_there(kind):
    return not is_none(kind)


def ndim_of(kind):
    return kind.ndim if isinstance(kind, types.Array) else 0


def highest_carrier(kinds):
    return max(filter(is_carrier, kinds), key=lambda kind: kind.depth, default=None)


def chosen_signature(signatures, kinds):
    """Return the types of the first kernel that takes arguments without loss, as NumPy does."""
    numbers = [number_of(item_type(kind)) for kind in kinds]
    for each in signatures:
        wanted = [item_type(kind) for kind in each.args]
        if all(map(is_safe, numbers, wanted)):
            return each.args
    return signatures[-1].args if signatures else None


def is_safe(number, wanted):
    conversion = cpu_target.typing_context.can_convert(number, wanted)
    return conversion is not None and conversion.name in ("exact", "promote", "safe")
