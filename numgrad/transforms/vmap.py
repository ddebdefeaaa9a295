"""``numgrad.vmap``."""

import inspect
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Literal

import numba
import numpy as np

from numgrad.drivers.structure import is_integer
from numgrad.drivers.transform import Transform
from numgrad.targets.choose import TARGETS, thread_count
from numgrad.targets.cuda_arrays import is_on_device
from numgrad.targets.pace import Pace
from numgrad.transforms.callables import Mapped
from numgrad.transforms.made import made, register

# Numbers in and out of all items, above which the items are shared among threads.
PARALLEL_NUMBERS = 1 << 14
TRIAL = 0.3  # seconds that a call on one thread may take, made to see whether more are faster
USUAL = frozenset([np.ndarray, np.float64, float, int])  # types of arguments that lie on the host


class Targeted(Transform):
    """A transform whose second setting is where to compute."""

    @property
    def target(self):
        return self.settings[1]

    def __init__(self, function, *settings):
        super().__init__(function, *settings)
        self.pace = Pace()

    def __call__(self, *arguments, **keywords):
        if runs_on_cuda(self.target, arguments):
            return self.call_on_cuda(*bound(self, arguments, keywords))
        call = partial(Transform.__call__, self, *arguments, **keywords)
        numbers = sum(map(numbers_in, arguments))
        if not may_share(numbers):
            return call()
        kind = tuple(map(kind_of, arguments)), tuple(keywords)
        threads = thread_count(1 << 30)
        return self.pace.run(kind, numbers, threads, partial(on_threads, call), TRIAL)

    def call_on_cuda(self, arguments, out):
        """The results of the transform on a GPU for arguments in their order."""
        raise NotImplementedError


class Vmap(Targeted):
    """A function of items, over arrays of them."""

    summary = "the results for all items"

    @property
    def in_axes(self):
        return self.settings[0]

    @property
    def out_axes(self):
        return self.settings[2]

    def call_on_cuda(self, arguments, out):
        if self.out_axes != 0:
            raise TypeError("vmap on a GPU stacks results along the first axis: leave out out_axes")
        axes = axes_of(self.in_axes, arguments)
        return on_cuda().map_items(self, arguments, axes, out)

    def hint(self, arguments):
        """Whether to share the items among threads, and what an item tells its function."""
        item_hint = None
        if isinstance(self.original, Transform):
            axes = axes_of(self.in_axes, arguments)
            item_hint = self.original.item_hint(
                [first_item(*pair) for pair in zip(arguments, axes, strict=True)]
            )
        return may_share(sum(map(numbers_in, arguments))), item_hint

    def item_hint(self, arguments):
        _, item_hint = self.hint(arguments)
        return False, item_hint

    def passed_on(self, kinds):
        from numgrad.drivers.mapping import item_kind

        axes = axes_of(self.in_axes, kinds)
        return tuple(item_kind(*pair) for pair in zip(kinds, axes, strict=True))

    def implementation(self, kinds, out, hint):
        from numgrad.drivers.mapping import Mapping

        axes = axes_of(self.in_axes, kinds)
        parallel, item_hint = hint or (False, None)
        function = self.function
        if item_hint is not None:
            function = self.original.driver(item_hint)
        mapping = Mapping(function, kinds, axes, out, parallel=parallel)
        if self.out_axes != 0 and out is not None:
            raise TypeError("vmap stores results in out along the first axis: leave out out_axes")
        return mapping.implementation(self.out_axes)


def first_item(argument, axis):
    """Return the first item of an argument of a call from Python."""
    if isinstance(argument, tuple):
        return tuple(first_item(item, axis) for item in argument)
    if axis is None or not getattr(argument, "shape", ()) or not argument.shape[axis]:
        return argument
    return argument.take(0, axis)


def numbers_in(argument):
    """The count of numbers in an argument of a call from Python."""
    if isinstance(argument, tuple):
        return sum(map(numbers_in, argument))
    return getattr(argument, "size", 1)


def kind_of(argument):
    """What tells machine code for an argument from that for others, as far as it is cheap."""
    return getattr(argument, "dtype", type(argument)), getattr(argument, "ndim", 0)


def on_threads(call, threads):
    """Make a call that is shared among so many threads."""
    before = numba.get_num_threads()
    if threads >= before:
        return call()
    numba.set_num_threads(threads)
    try:
        return call()
    finally:
        numba.set_num_threads(before)


def may_share(numbers):
    """Whether so many numbers are worth more than one thread, and more than one is safe."""
    return numbers >= PARALLEL_NUMBERS and thread_count(1 << 30) > 1


def axes_of(in_axes, kinds):
    """Return the axis to map for each argument; None for those passed whole."""
    if isinstance(in_axes, tuple):
        if len(in_axes) != len(kinds):
            raise ValueError(
                f"vmap: in_axes has {len(in_axes)} entries, but there are {len(kinds)} arguments"
            )
        return in_axes
    return (in_axes,) * len(kinds)


def vmap(
    f: Callable[..., Any],
    in_axes: int | tuple[int | None, ...] = 0,
    target: Literal["auto", "cpu", "cuda"] = "auto",
    out_axes: int = 0,
    jit: bool = True,
) -> Mapped:
    """Return the function that applies a function to every item of arrays.

    Parameters
    ----------
    f : callable
        A function, plain or compiled by ``numba.njit``, or a derivative made by `grad`, `jacobian`
        and the others. It returns a number, an array of the same shape for every item, or a tuple
        of these.
    in_axes : int or tuple, optional
        The axis along which the items of the arguments lie: the same for all, or one for each
        argument, with None for an argument that every item gets whole.
    target : {"auto", "cpu", "cuda"}, optional
        Where to compute. With ``"auto"`` that is where the arguments lie: on a GPU if one of them
        does, and then the results stay there. ``"cuda"`` copies arrays of the host there and the
        results back, ``"cpu"`` never touches CUDA. On a GPU every item has a thread, which has no
        memory to allocate: `f` returns numbers and tuples, or is a derivative of such a function.
    out_axes : int, optional
        The axis of the results along which the items lie, the first by default.
    jit : bool, optional
        Whether to compile `f`, the default. With False it is run in plain Python on numbers that
        carry derivatives, for functions that Numba can't compile: slower by far, and the same
        answers.

    Returns
    -------
    callable
        A function of the same arguments, with items side by side, that returns the results stacked
        along a new axis. Many items are shared among Numba's threads. With ``out=``, the
        results are stored there. `f` is called once for each item. An argument that it gets whole
        and writes to is for each item as the caller left it, and holds in the end what the call for
        the last one leaves.

    Raises
    ------
    TypeError
        If `in_axes` isn't made of integers and None, or `out_axes` is no integer; when called, if
        no argument has items, or one that should have holds none.
    ValueError
        If `target` is unknown; when called, if arguments have different numbers of items.
    ModuleNotFoundError, RuntimeError
        When called, if a GPU is asked for and the extra ``cuda`` isn't installed, or there is none.

    Examples
    --------
    >>> import numpy as np
    >>> import numgrad
    >>> def norm(x):
    ...     return np.sqrt(x[0] ** 2 + x[1] ** 2)
    >>> points = np.array([[3.0, 4.0], [5.0, 12.0], [8.0, 15.0]])
    >>> numgrad.vmap(norm)(points)
    array([ 5., 13., 17.])
    >>> numgrad.vmap(numgrad.grad(norm))(points).shape
    (3, 2)
    """
    check_target(target)
    check_axes(in_axes)
    if not is_integer(out_axes):
        raise TypeError(f"out_axes must be an int, not {out_axes!r}")
    return made(Vmap, f, in_axes, target, out_axes, jit=jit)


def check_target(target):
    """Raise where the items can't be computed."""
    if target not in TARGETS:
        raise ValueError(f"target must be one of {', '.join(TARGETS)}, not {target!r}")


def runs_on_cuda(target, arguments):
    """Whether a call from Python runs on a GPU."""
    return target == "cuda" or (target == "auto" and lie_on_device(arguments))


def lie_on_device(arguments):
    """Whether there is an array on a GPU among some arguments."""
    return not USUAL.issuperset(map(type, arguments)) and any(
        lie_on_device(argument) if type(argument) is tuple else is_on_device(argument)
        for argument in arguments
    )


@cache
def on_cuda():
    """Load what maps items on a GPU when it is first asked for."""
    from numgrad.transforms import on_cuda

    return on_cuda


def bound(transform, arguments, keywords):
    """Return the arguments of a call in order, and ``out``."""
    out = keywords.pop("out", None)
    if keywords:
        signature = inspect.Signature(transform.parameters).bind(*arguments, **keywords)
        signature.apply_defaults()
        arguments = signature.args
    return tuple(arguments), out


def check_axes(in_axes):
    """Raise if axes are anything but integers and None."""
    axes = in_axes if isinstance(in_axes, tuple) else (in_axes,)
    if not all(axis is None or is_integer(axis) for axis in axes):
        raise TypeError(f"in_axes must be an int or a tuple of ints and None, not {in_axes!r}")


register(vmap, Vmap)
