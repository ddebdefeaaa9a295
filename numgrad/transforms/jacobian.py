"""``numgrad.jacobian``, of which the gradient, the derivative and the Hessian are made."""

import inspect
import sys
from collections.abc import Callable
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numba import types

from numgrad.drivers.floats import arrays_of_lists
from numgrad.drivers.forward.widths import FEWEST, counts_for_arrays, most_partials
from numgrad.drivers.modes import AUTO, FORWARD, REVERSE, checked_mode, goes_backward, meaning_of
from numgrad.drivers.structure import argument, is_integer, leaves, structure_of
from numgrad.drivers.transform import Transform
from numgrad.numbers.carrier import number_of, without_derivatives
from numgrad.rules.registry import PULLBACKS
from numgrad.targets import cuda_device
from numgrad.targets.choose import thread_count
from numgrad.targets.options import internal_njit
from numgrad.transforms.callables import Derived, Mode, P
from numgrad.transforms.made import made, register
from numgrad.transforms.outputs import INPUTS_AN_OUTPUT, are_few
from numgrad.twin.errors import DifferentiationError, shown
from numgrad.twin.source import Body, function_of

# What one forward pass takes, it takes in less time: `benchmarks/modes.py` measures where reverse
# mode is faster.
FORWARD_UP_TO = most_partials(types.float64)  # inputs
FEW_OUTPUTS = 4  # each of which is a sweep
MOST = sys.maxsize  # inputs


# What compiles is imported where it is needed: a derivative that is found on disk needs none of it.


class Jacobian(Transform):
    """The derivatives of every output by every input."""

    summary = "the Jacobian"
    must_be_real = False
    with_value = False
    derives_all = False  # whether 0 is the derivative of a result that is no float, and not None
    widest: int | None = None  # how many partials to carry at most, where that is less than usual
    forward_up_to = FORWARD_UP_TO  # inputs, in mode auto
    counts_outputs = True  # whether a call of the function may tell which mode to take

    @property
    def stores_results(self):
        takes_out = all(p.name != "out" for p in self.parameters)
        return takes_out and not self.with_value

    @property
    def argnums(self):
        return self.settings[0]

    @property
    def out_argnum(self):
        return self.setting("out_argnum")

    @cached_property
    def mode(self):
        """Forward or reverse, or auto; transforms that have no such setting are forward."""
        return meaning_of(self.setting("mode") or FORWARD)

    def setting(self, name):
        """A setting by the name that the maker has for it, or None."""
        names = list(inspect.signature(type(self).maker).parameters)[1:]
        given = dict(zip(names, self.settings, strict=False))
        return given.get(name)

    def __init__(self, function, *settings):
        super().__init__(function, *settings)
        self._by_size = {}  # the drivers for arrays of some sizes
        self._few = {}  # whether outputs are few, for arguments of some sizes

    def __call__(self, *arguments, **keywords):
        try:  # the commonest call of all: one array, of a size that was met before
            driver = self._by_size[arguments[self.settings[0]].size]
        except (KeyError, AttributeError, IndexError, TypeError):
            if list in map(type, arguments):
                arguments = arrays_of_lists(arguments, self.taken_as_floats(len(arguments)))
            driver = self.driver_for(arguments)
        try:
            return driver(*arguments, **keywords)
        except MemoryError as error:
            raise self.told(error) from None
        except DifferentiationError as found:
            told, cause = shown(found)
            raise told from cause

    def taken_as_floats(self, count):
        argnums = self.argnums if isinstance(self.argnums, tuple) else (self.argnums,)
        return [argnum % count for argnum in argnums if -count <= argnum < count]

    def told(self, error):
        """Return a MemoryError that tells of which function the tape would have been how large."""
        from numgrad.numbers.tape import threads
        from numgrad.numbers.tape.statements import FULL

        if str(error) != FULL:
            return error
        wanted = threads.STATE[threads.WANTED]
        return MemoryError(f"{self.label()}: {wanted:,} bytes; {FULL}")

    def driver_for(self, arguments):
        """Return the driver for the arguments of a call from Python."""
        hint = self.hint(arguments)
        driver = self.entry_point(hint)
        is_known = (type(hint) is int and hint < MANY) or hint in (REVERSE, ROWS)
        if type(self.argnums) is int and is_known and len(self._by_size) < MANY:
            argument = arguments[self.argnums]
            if type(argument) is np.ndarray:
                self._by_size[argument.size] = driver
        return driver

    def hint(self, arguments):
        """The number of inputs in the arguments of a call from Python, rounded up."""
        inputs = self.count_inputs(arguments)
        if inputs is None:
            return None
        if goes_backward(self.mode, inputs, self.forward_up_to):
            return ROWS if self._has_fewer_outputs(arguments, inputs) else REVERSE
        if inputs < MANY:
            return HINTS[inputs]
        return SHARED if inputs**2 >= SHARED_NUMBERS and thread_count(1 << 30) > 1 else MANY

    def count_inputs(self, arguments):
        argnums = self.argnums if isinstance(self.argnums, tuple) else (self.argnums,)
        try:
            return sum([size_of(arguments[argnum]) for argnum in argnums])
        except IndexError:  # it is among the keywords, or missing
            return None

    def _has_fewer_outputs(self, arguments, inputs):
        """Whether an array of outputs is so short that sweeps from all of them pay."""
        if self.mode == REVERSE or not self.counts_outputs:
            return False
        if self.out_argnum is not None:
            return INPUTS_AN_OUTPUT * size_of(arguments[self.out_argnum]) <= inputs
        sizes = tuple([each if type(each) is int else size_of(each) for each in arguments])
        if sizes not in self._few and len(self._few) < MANY:
            self._few[sizes] = are_few(self.function, arguments, inputs)
        return self._few.get(sizes, False)

    def item_hint(self, arguments):
        hint = self.hint(arguments)
        return MANY if hint == SHARED else hint

    def implementation(self, kinds, out, hint):
        if cuda_device.in_kernel():
            hint = self._hint_in_kernel(kinds)
        passes = self.chosen_passes(kinds, out, hint)
        is_reverse = self.mode == REVERSE or passes.goes_backward
        if hint is not None or is_reverse or not passes.has_arrays:
            return passes.implementation(value=self.with_value)
        few, _ = counts_for_arrays(passes.dual.value)
        backward = (
            self._reverse_passes(kinds, out)
            if goes_backward(self.mode, MOST, FORWARD_UP_TO)
            else None
        )
        if backward is not None:
            forward = self.passes(kinds, out, few)
            return by_size(forward, backward, self.forward_up_to, value=self.with_value)
        if passes.dual.count <= few:
            return passes.implementation(value=self.with_value)
        forward = self.passes(kinds, out, few)
        return by_size(forward, passes, forward.dual.count, value=self.with_value)

    def _hint_in_kernel(self, kinds):
        """The number of inputs of a call in a kernel, which its types tell."""
        if self.mode == REVERSE:
            raise TypeError("mode='reverse' isn't for kernels, which have no tape: leave it out")
        from numgrad.drivers.positions import positions_of

        positions, _ = positions_of(self.function, self.argnums, len(kinds))
        return sum(inputs_in(kinds[position]) for position in positions)

    def inputs_of_results(self, kinds):
        from numgrad.drivers.positions import positions_of

        if self.out_argnum is not None:
            return None
        positions, _ = positions_of(self.function, self.argnums, len(kinds))
        inputs = [
            [leaf]
            for position in positions
            for leaf in leaves(structure_of(argument(position), kinds[position]))
        ]
        return [[], *inputs] if self.with_value else inputs

    def chosen_passes(self, kinds, out, hint):
        """Return the passes for arguments of some types, and of which a hint is known."""
        if self.mode == REVERSE:
            return self.passes(kinds, out, is_reverse=True)
        if hint in (REVERSE, ROWS):
            backward = self._reverse_passes(kinds, out, are_few=hint == ROWS)
            if backward is not None:
                return backward
        most = hint if isinstance(hint, int) else None
        try:
            return self.passes(kinds, out, most, shared=hint == SHARED)
        except DifferentiationError:
            if self.mode != AUTO or not PULLBACKS:
                raise
            return self.passes(kinds, out, is_reverse=True)

    def _reverse_passes(self, kinds, out, *, are_few=False):
        """Reverse passes where they are the better choice for many inputs, or None.

        There are sweeps for each four outputs, so there must be few, as far as is known or types
        tell. What can't be written on a tape is differentiated forward.
        """
        if not (are_few or self.must_be_real or has_few_outputs(self.primal, kinds)):
            return None
        try:
            return self.passes(kinds, out, is_reverse=True)
        except DifferentiationError:
            return None

    def passes(
        self,
        kinds,
        out=None,
        most=None,
        *,
        shared=False,
        careful=False,
        watched=True,
        is_reverse=False,
    ):
        """Return the passes for arguments of some types, with so many partials at most."""
        from numgrad.drivers.positions import positions_of

        positions, single = positions_of(self.function, self.argnums, len(kinds))
        most = self.widest if most is None else min(most, self.widest or most)
        kind, function = self.reverse_method(kinds) if is_reverse else self.method(kinds)
        passes = kind(
            function,
            kinds,
            positions,
            out,
            single=single,
            most=most,
            out_argnum=self.out_argnum,
            shared=shared,
            derives_all=self.derives_all,
            careful=careful,
            watched=watched,
        )
        if self.must_be_real:
            check_is_real(self.function, passes.returned)
        return passes

    def method(self, kinds):
        """The class of the passes for given argument types, and the function to make them over."""
        from numgrad.drivers.forward.results import JacobianPasses

        return JacobianPasses, self.function

    def reverse_method(self, kinds):
        """The same where they go backward."""
        from numgrad.drivers.reverse.passes import ReversePasses

        return ReversePasses, self.function

    @property
    def primal(self):
        """The function of the user's, as Numba compiles it."""
        return self.function


ROWS = "reverse, of an array"
SHARED = "shared"  # among all threads
SHARED_NUMBERS = 1 << 21  # inputs times passes times partials, from which sharing pays
MANY = 128  # inputs, as far as a call from Python tells them
HINTS = [max(FEWEST, 1 << (inputs - 1).bit_length()) for inputs in range(MANY)]


def size_of(argument):
    """The number of inputs in an argument."""
    if type(argument) is np.ndarray:
        return argument.size
    return sum(map(size_of, argument)) if isinstance(argument, tuple) else 1


def inputs_in(kind):
    """The number of inputs in an argument of a kernel's function, as far as its type tells."""
    return sum(
        prod(getattr(leaf.kind, "sizes", ())) if leaf.is_array else 1
        for leaf in leaves(structure_of("", kind))
    )


def by_size(few, many, most, *, value):
    """Return the body that chooses between two kinds of passes by the number of inputs."""
    sizes = [e.leaf.expression + ".size" if e.leaf.is_array else "1" for e in few.seeded]
    names = {
        name: internal_njit(function_of(name, "arguments, out", passes.implementation(value=value)))
        for name, passes in (("few", few), ("many", many))
    }
    lines = [
        f"if {' + '.join(sizes)} <= {most}:",
        "    return few(arguments, out)",
        "return many(arguments, out)",
    ]
    return Body(lines, names)


def has_few_outputs(function, kinds):
    """Whether the types of a function's results tell that there are few numbers among them."""
    from numgrad.drivers.overloads import chosen
    from numgrad.twin.inference import signature_of

    kinds = [without_derivatives(kind) for kind in kinds]
    returned = without_derivatives(signature_of(*chosen(function, kinds)).return_type)
    outputs = leaves(structure_of("", returned))
    return len(outputs) <= FEW_OUTPUTS and not any(output.is_array for output in outputs)


def check_is_real(function, returned):
    """Raise if a function returns anything but a real number: a whole one has derivative 0."""
    if not isinstance(number_of(returned), types.Float | types.Integer | types.Boolean):
        name, plain = function.py_func.__name__, number_of(returned)
        if isinstance(returned, types.Array):
            plain = returned.copy(dtype=number_of(returned.dtype))
        raise TypeError(
            f"grad needs a function that returns one real number, but {name} returns {plain}; "
            "take numgrad.jacobian of it"
        )


def checked_argnums(argnums):
    """Return argnums as an int or a tuple of ints."""
    if isinstance(argnums, list | tuple):
        if not argnums or not all(is_integer(a) for a in argnums):
            raise TypeError(f"argnums must be an int or a tuple of ints, not {argnums!r}")
        if len(set(argnums)) < len(argnums):
            raise ValueError(f"argnums names an argument twice: {argnums!r}")
        return tuple(int(a) for a in argnums)
    if not is_integer(argnums):
        raise TypeError(f"argnums must be an int or a tuple of ints, not {argnums!r}")
    return int(argnums)


def jacobian(
    f: Callable[P, Any],
    argnums: int | tuple[int, ...] = 0,
    out_argnum: int | None = None,
    mode: Mode = "auto",
    jit: bool = True,
) -> Derived[P, Any]:
    """Return the function that computes the derivatives of all outputs by all inputs.

    Parameters
    ----------
    f : callable
        The function, plain or compiled by ``numba.njit``; it returns a number, an
        array, or a tuple of these. A plain one is compiled.
    argnums : int or tuple of ints, optional
        The positions of the arguments to differentiate by, from the last if negative: floats,
        complex numbers, arrays of them of any rank, and tuples of all these.
    out_argnum : int, optional
        The position of the array that `f` stores its result in, for functions ``f(x, out)``. The
        Jacobian returned is that of this array, which holds the value of `f` afterwards.
    mode : {"auto", "forward", "reverse"}, optional
        Whether to go forward, in passes that carry some inputs each, or backward, in one call of
        `f` and sweeps for each four outputs. "auto", the default, goes backward by many inputs of
        a function that returns few numbers: in a call from Python an array of at most a quarter
        as many, which a call of `f` tells, once for each number of inputs. See `grad`.
    jit : bool, optional
        Whether to compile `f`, the default. With False it is run in plain Python on numbers that
        carry derivatives, for functions that Numba can't compile: slower by far, and the same
        answers.

    Returns
    -------
    callable
        A function of the same arguments that returns the Jacobian: an array of shape ``f(x).shape +
        x.shape`` for each output and input. A tuple of outputs gives a tuple, outputs outermost,
        then `argnums` if it is a tuple, then the items of an argument that is one. Outputs without
        derivatives (integers, booleans, None) give None. With ``out=``, the arrays of the result
        are stored there, and nothing is allocated but by `f`. It is called from Python and from
        compiled code, and can itself be differentiated.

    Raises
    ------
    TypeError
        If `f` isn't a function or `argnums` holds no integers; when called, if an argument to
        differentiate by holds no floats
        or ``out`` doesn't fit in number, dtype or rank.
    ValueError
        When called, if there is no argument at one of `argnums`, or ``out`` doesn't fit in shape.
    DifferentiationError
        When called, if something in `f` can't be differentiated: the message names the line.

    See Also
    --------
    grad : for functions that return one real number.
    jvp : the Jacobian times a vector, at the cost of one pass.

    Notes
    -----
    The methods are forward accumulation with dual numbers and reverse accumulation with a tape
    [1]_: exact but for rounding. Comparisons and branches are decided by values alone.
    Whatever arguments `f` writes to, arrays, lists or others, end up as one call of `f` would leave
    them, also where it raises an error; each pass begins with them as they came. An argument that
    `f` overwrites is differentiated by the values that it came with. Where `f` raises an error, the
    derivative raises the same.

    References
    ----------
    .. [1] A. Griewank and A. Walther, "Evaluating Derivatives", 2nd edition, SIAM (2008),
       chapters 3 and 6.

    Examples
    --------
    >>> import numpy as np
    >>> import numgrad
    >>> def polar(x):
    ...     return np.hypot(x[0], x[1]), np.arctan2(x[1], x[0])
    >>> numgrad.jacobian(polar)(np.array([3.0, 4.0]))
    (array([0.6, 0.8]), array([-0.16,  0.12]))

    A function that stores its result in an array of the caller's:

    >>> def squares(x, out):
    ...     for i in range(x.size):
    ...         out[i] = x[i] ** 2
    >>> values = np.empty(2)
    >>> numgrad.jacobian(squares, out_argnum=1)(np.array([3.0, 4.0]), values)
    array([[6., 0.],
           [0., 8.]])
    >>> values
    array([ 9., 16.])
    """
    if out_argnum is not None and not is_integer(out_argnum):
        raise TypeError(f"out_argnum must be an int or None, not {out_argnum!r}")
    return made(Jacobian, f, checked_argnums(argnums), out_argnum, checked_mode(mode), jit=jit)


register(jacobian, Jacobian)
