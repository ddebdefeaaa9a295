"""Derivatives without compiling: the transforms as `numgrad.grad` and its kin make them.

The function is run once, in plain Python, on duals with one partial for every input.
"""

import inspect
import math
from collections.abc import Callable
from functools import cached_property, update_wrapper
from typing import Any

import numpy as np

from numgrad.drivers.modes import FORWARD, REVERSE, goes_backward, meaning_of
from numgrad.drivers.positions import position_of_output, positions_of
from numgrad.drivers.tables import tables_of
from numgrad.drivers.transform import MAKERS, TRACED, Transform, with_out
from numgrad.rules.registry import PULLBACKS
from numgrad.tracer import again, stated  # noqa: F401 - whose functions may be called
from numgrad.tracer.adapted import adapted
from numgrad.tracer.arguments import (
    Leaf,
    array_of_list,
    kind_of,
    leaves,
    mapped,
    new_depth,
    replaced,
    returned,
    structure_of,
)
from numgrad.tracer.arrays import TracedArray
from numgrad.tracer.backward import RecordedRun
from numgrad.tracer.elements import (
    cast,
    dtype_of,
)
from numgrad.tracer.elements import mapped as each_of
from numgrad.tracer.items import Whole
from numgrad.tracer.outcomes import Result, fill, noted, plain, stack
from numgrad.tracer.run import Run, check_is_real, check_returned

FORWARD_UP_TO = 4  # inputs: with more, reverse mode is faster, as `benchmarks/modes.py` measures


class TracedTransform:
    """A derivative of a function that is run in plain Python and never compiled."""

    summary = "a derivative"
    maker = "transform"

    def __init__(self, function: Callable[..., Any], **settings: Any) -> None:
        if not callable(function):
            raise TypeError(
                f"{function!r} can't be differentiated: a function was expected, plain or compiled "
                "by numba.njit"
            )
        self.original = self.function = function
        self.settings = settings
        name = getattr(function, "__name__", repr(function))
        defaults = inspect.signature(MAKERS[self.maker]).parameters
        given = "".join(f", {k}={v!r}" for k, v in settings.items() if v != defaults[k].default)
        copied: Any = self
        update_wrapper(copied, getattr(function, "py_func", function), updated=())
        self.__wrapped__ = function
        self.__name__ = self.__qualname__ = f"{self.maker}({name}{given}, jit=False)"
        self.__doc__ = f"Return {self.summary} of ``{name}``, without compiling it.\n\n" + (
            self.__doc__ or ""
        )

    def __repr__(self) -> str:
        return f"<numgrad.{self.__name__}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _remade, (MAKERS[self.maker], self.original, self.settings)

    @property
    def __signature__(self) -> inspect.Signature:
        signature = inspect.Signature(self.parameters)
        return with_out(signature) if self.takes_out else signature

    @cached_property
    def parameters(self) -> list[inspect.Parameter]:
        """Return the parameters of the user's function."""
        return _parameters(self.original)

    @cached_property
    def takes_out(self) -> bool:
        """Whether ``out`` is a parameter of the derivative, and not of the function."""
        return takes_out(self.parameters)

    def bound(
        self, arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any], Any]:
        """Return all arguments in order, those that have no place in it, and ``out``."""
        out = keywords.pop("out", None) if self.takes_out else None
        parameters = self.parameters
        if not parameters:
            return arguments, keywords, out
        signature = inspect.Signature(parameters)
        if out is None and self.takes_out and len(arguments) == 1 + len(parameters):
            arguments, out = arguments[:-1], arguments[-1]
        bound = signature.bind(*arguments, **keywords)
        bound.apply_defaults()
        return bound.args, bound.kwargs, out


def _remade(maker: Any, function: Any, settings: dict[str, Any]) -> Any:
    """Return a copy of a derivative that was pickled."""
    return maker(function, **settings, jit=False)


def _parameters(function: Any) -> list[inspect.Parameter]:
    """Return the parameters of the user's function; none where it doesn't tell."""
    if isinstance(function, TracedTransform):
        return function.parameters
    if isinstance(function, Transform):
        return list(function.parameters)
    if isinstance(function, np.ufunc):  # whose other parameters aren't for derivatives
        return [
            inspect.Parameter(n, inspect.Parameter.POSITIONAL_ONLY) for n in "xyz"[: function.nin]
        ]
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return []


def takes_out(parameters: list[inspect.Parameter]) -> bool:
    """Return whether a derivative of a function with some parameters has room for ``out``."""
    return all(p.kind is not p.VAR_POSITIONAL and p.name != "out" for p in parameters)


class TracedJacobian(TracedTransform):
    """The derivatives of every output by every input."""

    summary = "the Jacobian"
    maker = "jacobian"
    must_be_real = False
    with_value = False
    of_numbers = False  # whether a whole number alone has the derivative 0, and not None

    @property
    def out_argnum(self) -> int | None:
        return self.settings.get("out_argnum")

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        arguments, keywords, out = self.bound(arguments, dict(keywords))
        value, result = self.at(arguments, keywords)
        finished = self.finished(arguments, result, out)
        return (mapped(plain, value), finished) if self.with_value else finished

    def run(self, arguments: tuple[Any, ...], positions: tuple[int, ...]) -> Run:
        """Return the run, forward or backward by the number of inputs."""
        mode = meaning_of(self.settings.get("mode", FORWARD))
        inputs = sum(leaf.size for k in positions for leaf in leaves(structure_of(arguments[k])))
        forward_up_to = 0 if PULLBACKS else FORWARD_UP_TO  # some function may know no way forward
        if goes_backward(mode, inputs, forward_up_to):
            return RecordedRun(self.function, arguments, backward_only=mode == REVERSE)
        return Run(self.function, arguments)

    def finished(self, arguments: tuple[Any, ...], result: Any, out: Any) -> Any:
        """Return derivatives as the caller gets them."""
        if out is not None:
            return fill(out, result)
        return noted(self.__name__, arguments, mapped(plain, result))

    def at(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, Any]:
        """Return the value and the derivatives for arguments in order, as leaves."""
        positions, single = positions_of(self.original, self.settings["argnums"], len(arguments))
        run = self.run(arguments, positions)
        run.seed(positions)
        position = None
        if self.out_argnum is not None:
            position = position_of_output(self.original, self.out_argnum, len(arguments))
            run.hold_result(position)
        value = run(keywords)
        outputs = structure_of(run.given[position] if position is not None else value)
        if position is None:
            check_returned(run.name, value)
        if self.must_be_real:
            check_is_real(run.name, value)
        by = [run.inputs[position] for position in positions]
        run.hold(leaves(outputs))
        if self.of_numbers and isinstance(outputs, Leaf) and not outputs.is_array:
            by_number = outputs if outputs.is_floating else Leaf(0.0, np.float64(0.0))
            return (
                Result(each_of(run.value, outputs.elements)),
                _by_inputs(run, by_number, by, single),
            )
        values = mapped(lambda leaf: Result(each_of(run.value, leaf.elements)), outputs)
        return values, mapped(lambda output: _by_inputs(run, output, by, single), outputs)


def _by_inputs(run: Run, output: Leaf, by: list[Any], single: bool) -> Any:
    """Return the derivatives of an output: elements and their dtype, arranged as the inputs are."""
    if not output.is_floating:
        return None
    results = [mapped(lambda leaf: _by_input(run, output, leaf), structure) for structure in by]
    return results[0] if single else tuple(results)


def _by_input(run: Run, output: Leaf, leaf: Leaf) -> Result:
    rows = output.elements.flat if output.is_array else (output.elements,)
    columns = range(leaf.first, leaf.first + leaf.size)
    dtype = dtype_of(output.elements)
    partials = [cast(run.partial(row, k), dtype) for row in rows for k in columns]
    if not (output.is_array or leaf.is_array):
        return Result(partials[0], dtype)
    shape = output.shape + leaf.shape
    elements = np.fromiter(partials, object, len(partials)).reshape(shape)
    return Result(elements, dtype)


class TracedGrad(TracedJacobian):
    """The derivatives of a real number by every input."""

    summary = "the gradient"
    maker = "grad"
    must_be_real = True
    of_numbers = True


class TracedValueAndGrad(TracedGrad):
    """The number, and its derivatives by every input."""

    summary = "the value and the gradient"
    maker = "value_and_grad"
    with_value = True


class TracedHessian(TracedJacobian):
    """The derivatives of the derivatives."""

    summary = "the Hessian"
    maker = "hessian"

    def __init__(self, function: Callable[..., Any], **settings: Any) -> None:
        super().__init__(function, **settings)
        self.function = TracedJacobian(function, **settings)


class TracedDerivative(TracedJacobian):
    """The derivative of a function of numbers, at one point or at all of an array."""

    summary = "the derivative"
    maker = "derivative"
    of_numbers = True

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        arguments, keywords, out = self.bound(arguments, dict(keywords))
        by, _ = positions_of(self.original, self.settings["argnums"], len(arguments))
        whole = tables_of(self.function) - set(by)
        arguments = tuple(
            array_of_list(each) if k in by else each for k, each in enumerate(arguments)
        )
        arrays = [
            k
            for k, argument in enumerate(arguments)
            if isinstance(argument, np.ndarray | TracedArray) and k not in whole
        ]
        if not arrays:
            return self.finished(arguments, self.at(arguments, keywords)[1], out)
        shape = np.broadcast_shapes(*(arguments[k].shape for k in arrays))
        flat = {k: np.broadcast_to(arguments[k], shape).reshape(-1) for k in arrays}

        whole_ones = [each for k, each in enumerate(arguments) if k not in flat]
        shared = Whole(self.original, (*whole_ones, keywords))

        def point(index: int) -> Any:
            if index:
                shared.put_back()
            given = tuple(
                flat[k][index] if k in flat else argument for k, argument in enumerate(arguments)
            )
            return self.at(given, keywords)[1]

        stacked = stack([point(index) for index in range(math.prod(shape))])

        def in_shape(result: Result) -> Result:
            elements = result.elements
            return Result(elements.reshape(*shape, *elements.shape[1:]), result.dtype)

        shaped = mapped(in_shape, stacked)
        return self.finished(arguments, shaped, out)


class TracedVmap(TracedTransform):
    """A function of items, over arrays of them."""

    summary = "the results for all items"
    maker = "vmap"

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        arguments, keywords, out = self.bound(arguments, dict(keywords))
        axes = self.settings["in_axes"]
        axes = axes if isinstance(axes, tuple) else (axes,) * len(arguments)
        if len(axes) != len(arguments):
            raise ValueError(
                f"in_axes has {len(axes)} entries, but there are {len(arguments)} arguments"
            )
        pairs = list(zip(arguments, axes, strict=True))
        members = [
            (leaf, axis)
            for argument, axis in pairs
            if axis is not None
            for leaf in leaves(structure_of(argument))
        ]
        if not any(leaf.is_array for leaf, _ in members):
            raise TypeError(
                "vmap needs an array to go through: none of the arguments that in_axes names is one"
            )
        for leaf, _ in members:
            if not leaf.shape:
                raise TypeError(
                    f"vmap can't go through {kind_of(leaf.given)}, which is not an array with an "
                    "axis: give it None in in_axes"
                )
        counts = {leaf.shape[axis] for leaf, axis in members}
        if len(counts) > 1:
            raise ValueError("vmap: the arrays have different lengths along their axes")
        count = counts.pop()
        if not count and any(len(leaf.shape) > 1 for leaf, _ in members):
            raise ValueError("vmap: no items, so the shape of a result is not known")
        shared = Whole(self.original, ([x for x, axis in pairs if axis is None], keywords))
        results = []
        for k in range(count):
            if k:
                shared.put_back()
            items = tuple(_item(argument, axis, k) for argument, axis in pairs)
            results.append(self.of_item(items, keywords))
        stacked = stack(results)
        axis = self.settings["out_axes"]
        if out is None:
            moved = mapped(lambda result: _moved(result, axis), stacked)
            return mapped(plain, moved)
        if axis != 0:
            raise TypeError("vmap stores results in out along the first axis: leave out out_axes")
        return fill(out, stacked)

    def of_item(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Return the result for an item, as leaves."""
        function = adapted(self.original)
        if isinstance(function, TracedJacobian):
            value, result = function.at(arguments, keywords)
            return (value, result) if function.with_value else result
        result = function(*arguments, **keywords)
        check_returned(self.__name__, result)
        return mapped(lambda leaf: Result(leaf.elements), structure_of(result))


def _moved(result: Result, axis: int) -> Result:
    """Return a result with its first axis elsewhere."""
    return Result(np.moveaxis(result.elements, 0, axis), result.dtype) if axis else result


def _item(argument: Any, axis: int | None, k: int) -> Any:
    if axis is None:
        return argument
    return replaced(argument, lambda x: np.moveaxis(x, axis, 0)[k])


def jvp(function: Callable[..., Any], primals: Any, tangents: Any) -> tuple[Any, Any]:
    """Return the value of a function and its derivative along a direction."""
    for name, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, tuple):
            raise TypeError(
                f"jvp: {name} must be a tuple with one entry an argument, not {kind_of(given)}"
            )
    if len(primals) != len(tangents):
        raise TypeError(f"jvp: {len(primals)} primals, but {len(tangents)} tangents")
    run = Run(function, primals)
    run.depth = new_depth((primals, tangents))
    run.seed_along(tangents)
    value = run({})
    check_returned(run.name, value)
    outputs = structure_of(value)

    def tangent(leaf: Leaf) -> Any:
        if not leaf.is_floating:
            return None
        dtype = dtype_of(leaf.elements)
        return returned(each_of(lambda e: cast(run.partial(e, 0), dtype), leaf.elements), dtype)

    operands = (*primals, *tangents)
    values = mapped(lambda leaf: returned(each_of(run.value, leaf.elements)), outputs)
    return noted("value", operands, values), noted("jvp", operands, mapped(tangent, outputs))


for _kind in (
    TracedDerivative,
    TracedGrad,
    TracedHessian,
    TracedJacobian,
    TracedValueAndGrad,
    TracedVmap,
):
    TRACED[_kind.maker] = _kind
