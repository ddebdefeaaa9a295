"""``numgrad.sparse_jacobian`` and ``numgrad.sparse_hessian``."""

import inspect
import warnings
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any, Literal, cast

import numpy as np
from numba import types

from numgrad.drivers.forward.widths import FEWEST, most_partials
from numgrad.drivers.modes import AUTO, FORWARD, REVERSE, checked_mode, meaning_of
from numgrad.drivers.sparse.compressed import INEXACT, LACKING
from numgrad.drivers.sparse.pattern import Pattern
from numgrad.drivers.sparse.plans import Plan, backward_pays
from numgrad.drivers.structure import is_integer
from numgrad.drivers.transform import Transform
from numgrad.transforms.callables import Mode, Sparse
from numgrad.transforms.grad import backward
from numgrad.transforms.jacobian import checked_argnums
from numgrad.transforms.made import made, register
from numgrad.transforms.sparsity import WithLeading, hessian_at, pattern_at
from numgrad.twin.errors import DifferentiationError
from numgrad.twin.source import Body

Format = Literal["csr", "csc"]
MOST_INTEGERS = 1024  # in an array that a pattern is kept for
BACKWARD = 0  # in the place of a width
WIDTHS = 1, 4, 8, 16, 32  # partials that a pass carries, of which the least that does is taken
GROWN = "{}: some derivatives at this point are outside the pattern, which has been found anew"
OUTSIDE = (
    "derivatives at this point are outside the pattern: give one that has them, as the union of "
    "those at several points (numgrad.sparsity(..., at=...))"
)
NEEDS_PATTERN = (
    "in compiled code a sparse derivative needs its pattern: make it as {}(f, pattern="
    "numgrad.sparsity(f, ...)) and pass out=, the data of a result of Python's"
)


class Entries(WithLeading):
    """The entries of a sparse Jacobian, by a plan that comes before the arguments."""

    summary = "the entries of the sparse Jacobian"
    leading = "plan"

    def implementation(self, kinds, out, hint):
        from numgrad.drivers.positions import positions_of
        from numgrad.drivers.sparse.backward import CompressedSweeps
        from numgrad.drivers.sparse.compressed import CompressedPasses

        argnums, out_argnum, width, checked = self.settings
        plan, *kinds = kinds
        positions, _ = positions_of(self.function, argnums, len(kinds))
        passes = partial(CompressedSweeps if width == BACKWARD else CompressedPasses, width=width)
        given = self.function, tuple(kinds), positions, tuple(plan)
        return self.body_of(passes(*given, out_argnum=out_argnum, checked=checked))


def sparse_entries(f: Any, argnums: Any, out_argnum: int | None, width: int, checked: bool) -> Any:
    return made(Entries, f, argnums, out_argnum, width, checked)


Entries.maker = staticmethod(sparse_entries)


class SparseJacobian(Transform):
    """The derivatives of every output by every input that it depends on."""

    summary = "the sparse Jacobian"
    widest = WIDTHS[-1]

    def __init__(self, function, *settings):
        super().__init__(function, *settings)
        self.argnums, self.out_argnum, self.given, self.format, self.check = self.split_settings()
        self._plans = {}  # by the sizes of arguments
        self._calls = 0

    def split_settings(self):
        *settings, self.mode = self.settings
        return settings

    @property
    def derived(self):
        """The function of which this is the Jacobian."""
        return self.original

    def pattern_of(self, arguments):
        return pattern_at(self.derived, arguments, self.argnums, self.out_argnum)

    def label(self):
        return f"{type(self).maker.__name__}({self.inner_name()})"

    def pattern(self, *arguments):
        """Return the pattern that is in force for arguments of such sizes.

        Parameters
        ----------
        *arguments
            The arguments of the function.

        Returns
        -------
        Pattern
            The pattern, found at this point if these sizes are new.
        """
        return self._plan(arguments).pattern

    def _plan(self, arguments):
        key = tuple(map(sizes_of, arguments))
        plan = self._plans.get(key)
        if plan is None:
            found = self.pattern_of(arguments) if self.given is None else self.given
            plan = self._plans.setdefault(key, self._plan_of(found))
        return plan

    def _plan_of(self, pattern):
        mode = meaning_of(self.mode)
        widest = min(self.widest, most_partials(types.float64))
        is_backward = mode == REVERSE or (mode == AUTO and backward_pays(pattern, widest))
        return Plan(pattern, self.format, is_backward=is_backward)

    def _entries(self, plan, *, checked):
        """The transform that computes entries, of a width for as many directions as there are."""
        if plan.is_backward:
            return sparse_entries(self.derived, self.argnums, self.out_argnum, BACKWARD, checked)
        directions = plan.colour_count + checked
        width = next((w for w in WIDTHS if w >= directions), WIDTHS[-1])
        width = min(width, self.widest)
        return sparse_entries(self.derived, self.argnums, self.out_argnum, width, checked)

    def __call__(self, *arguments, out=None, **keywords):
        if keywords:
            arguments = self._bound(arguments, keywords)
        plan = self._plan(arguments)
        self._calls += 1
        checked = bool(self.check) and (self._calls - 1) % int(self.check) == 0
        data, verdict = self._run(plan, arguments, out, checked=checked)
        if verdict == LACKING:
            plan = self._grown(plan, arguments)
            data, _ = self._run(plan, arguments, out, checked=False)
        return plan.matrix(data) if out is None else out

    def _run(self, plan, arguments, out, *, checked):
        """Compute entries, and say whether they are all that there are."""
        try:
            entry_point = self._entries(plan, checked=checked).entry_point(None)
            data, verdict = entry_point((*plan.arrays, out), *arguments)
            if verdict != INEXACT:
                return data, verdict
            plan.turn_direct()
        except DifferentiationError:
            if not plan.is_backward or self.mode == REVERSE:
                raise
            plan.turn_forward()
        return self._run(plan, arguments, out, checked=checked)

    def _bound(self, arguments, keywords):
        """Return all arguments by their positions."""
        bound = inspect.Signature(self.parameters).bind(*arguments, **keywords)
        bound.apply_defaults()
        return bound.args

    def _grown(self, plan, arguments):
        """Return the plan with what is found at a point; it is the same if that is rounding."""
        union = plan.pattern | self.pattern_of(arguments)
        if union.nnz == plan.pattern.nnz:
            return plan
        warnings.warn(GROWN.format(self.label()), RuntimeWarning, stacklevel=3)
        plan = self._plans[tuple(map(sizes_of, arguments))] = self._plan_of(union)
        return plan

    def implementation(self, kinds, out, hint):
        if self.given is None:
            raise TypeError(NEEDS_PATTERN.format(type(self).maker.__name__))
        plan = self._plan_of(self.given)
        names = {"outside": OUTSIDE}
        lines = self._call(plan, "plan", kinds, names)
        if not plan.is_direct:
            plan.turn_direct()
            again = self._call(plan, "direct", kinds, names)
            lines += [f"if verdict == {INEXACT}:", *(f"    {line}" for line in again)]
        lines += [f"if verdict == {LACKING}:", "    raise ValueError(outside)", "return data"]
        return Body(lines, names)

    def _call(self, plan, prefix, kinds, names):
        """The source of a call by a plan, of which some names are added to others."""
        arrays = {f"{prefix}_{k}": each for k, each in enumerate(plan.arrays)}
        entries = f"{prefix}_entries"
        names |= arrays | {entries: self._entries(plan, checked=bool(self.check)).driver()}
        given = "".join(f"arguments[{k + 1}], " for k in range(len(kinds)))
        return [f"data, verdict = {entries}(({', '.join(arrays)}, out), {given})"]


def sizes_of(argument):
    """What a pattern is kept for: the shapes of arrays, and the values of integers.

    Those in a large array would take longer to look at than derivatives do to be checked.
    """
    if isinstance(argument, np.ndarray):
        is_told = argument.dtype.kind in "iub" and argument.size <= MOST_INTEGERS
        return argument.shape, argument.tobytes() if is_told else None
    if isinstance(argument, tuple):
        return tuple(map(sizes_of, argument))
    if isinstance(argument, bool | int | np.integer | np.bool_ | str):
        return type(argument), argument
    if hasattr(argument, "__len__"):
        return type(argument), len(argument)
    return type(argument)


class SparseHessian(SparseJacobian):
    """The second derivatives by all pairs of inputs that have one."""

    summary = "the sparse Hessian"
    widest = FEWEST

    def split_settings(self):
        argnums, pattern, format, check = self.settings
        self.mode = FORWARD  # over the gradient, which is found backward
        return argnums, None, pattern, format, check

    @cached_property
    def derived(self):
        return backward(self.original, self.argnums)

    def pattern_of(self, arguments):
        return hessian_at(self.original, arguments, self.argnums)


def sparse_jacobian(
    f: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    out_argnum: int | None = None,
    pattern: Any = None,
    format: Format = "csr",
    check: bool | int = True,
    mode: Mode = "auto",
) -> Sparse:
    """Return the function that computes the Jacobian as a sparse array of SciPy's.

    Parameters
    ----------
    f : callable
        The function, plain or compiled by ``numba.njit``; it returns a number, an array, or a tuple
        of these. A plain one is compiled.
    argnums : int or tuple of ints, optional
        The positions of the arguments to differentiate by, as `jacobian` has them.
    out_argnum : int, optional
        The position of the array that `f` stores its result in, for functions ``f(x, out)``.
    pattern : Pattern, sparse array or array, optional
        Which entries may differ from 0, as `sparsity` finds it at the first call by default, and
        anew for other sizes of arrays and other values of integers: those of 1,024 in an array too.
    format : {"csr", "csc"}, optional
        The format of the result.
    check : bool or int, optional
        Whether to compare with the derivative in a direction of all inputs, the default: entries
        outside the pattern are found, and so is the pattern, with a warning. It costs one direction
        more, most of the time one that the last pass has room for. With an integer every so manieth
        call is checked, with False none.
    mode : {"auto", "forward", "reverse"}, optional
        Whether to go forward along directions of inputs, or backward from outputs, where rows are
        coloured. "auto", the default, takes what the numbers of colours let expect to be faster.
        Complex numbers go forward alone.

    Returns
    -------
    callable
        A function of the same arguments that returns a ``scipy.sparse.csr_array``, or
        ``csc_array``. A row is an output and a column an input: arrays in C order, and where there
        are several, in tuples or as arguments, one after another. With ``out=``, the data of an
        earlier result is filled and returned, and nothing is allocated but by `f`. From compiled
        code it is called with the data array too, and needs `pattern`. Its method ``pattern`` tells
        the pattern for some arguments.

    Raises
    ------
    TypeError
        If `f` isn't a function or `argnums` holds no integers; when called, as `jacobian`, or in
        compiled code without a pattern.
    ValueError
        When called, if the pattern or ``out`` doesn't fit in size; in compiled code, if derivatives
        are outside the pattern.
    DifferentiationError
        When called, if something in `f` can't be differentiated: the message names the line; or if
        complex numbers shall go backward.

    See Also
    --------
    sparsity : the pattern alone.
    sparse_hessian : second derivatives.
    jacobian : all entries.

    Notes
    -----
    Columns that have no row in common are computed in one direction [1]_: a band of three diagonals
    takes three, of whatever size it is. A pass carries several directions, as those of `jacobian`
    do. The pattern is that of the point where it was found, as branches and indices take it there.

    References
    ----------
    .. [1] A. H. Gebremedhin, F. Manne and A. Pothen, "What color is your Jacobian? Graph coloring
       for computing derivatives", SIAM Review 47 (2005).

    Examples
    --------
    >>> import numpy as np
    >>> import numgrad
    >>> def residual(x):
    ...     r = x**2
    ...     r[1:] -= x[:-1]
    ...     return r
    >>> jacobian = numgrad.sparse_jacobian(residual)
    >>> found = jacobian(np.array([1.0, 2.0, 3.0]))
    >>> found.toarray()
    array([[ 2.,  0.,  0.],
           [-1.,  4.,  0.],
           [ 0., -1.,  6.]])
    >>> jacobian(np.array([5.0, 6.0, 7.0]), out=found.data)
    array([10., -1., 12., -1., 14.])
    """
    mode = checked_mode(mode)
    return _made(SparseJacobian, f, argnums, pattern, format, check, out_argnum, mode=mode)


def sparse_hessian(
    f: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    pattern: Any = None,
    format: Format = "csr",
    check: bool | int = True,
) -> Sparse:
    """Return the function that computes the Hessian as a sparse array of SciPy's.

    Parameters
    ----------
    f : callable
        The function, plain or compiled by ``numba.njit``; it returns one real number. A plain one
        is compiled.
    argnums : int or tuple of ints, optional
        The positions of the arguments to differentiate by, as `grad` has them.
    pattern : Pattern, sparse array or array, optional
        Which entries may differ from 0: see `sparse_jacobian`.
    format : {"csr", "csc"}, optional
        The format of the result.
    check : bool or int, optional
        Whether to compare with the derivative in a direction of all inputs: see `sparse_jacobian`.

    Returns
    -------
    callable
        A function of the same arguments that returns a ``scipy.sparse.csr_array``, or
        ``csc_array``, with both halves. Where there are several arguments or items of a tuple, they
        are one after another. ``out=`` and compiled code are as with `sparse_jacobian`.

    Raises
    ------
    TypeError, ValueError, DifferentiationError
        As `sparse_jacobian` and `grad`.

    See Also
    --------
    sparse_jacobian : first derivatives.
    hessian : all entries.

    Notes
    -----
    Forward passes over the gradient by reverse mode. An entry of a symmetric matrix has two places,
    so that fewer directions do than for a Jacobian: those of a star colouring [1]_. Where an
    acyclic colouring [2]_ saves a pass, entries are found by substitution, unless that would lose
    more than three digits of the largest of a row.

    References
    ----------
    .. [1] A. H. Gebremedhin, F. Manne and A. Pothen, "What color is your Jacobian? Graph coloring
       for computing derivatives", SIAM Review 47 (2005).
    .. [2] A. H. Gebremedhin, A. Tarafdar, F. Manne and A. Pothen, "New acyclic and star coloring
       algorithms with application to computing Hessians", SIAM Journal on Scientific Computing 29
       (2007).

    Examples
    --------
    >>> import numpy as np
    >>> import numgrad
    >>> def energy(x):
    ...     return np.sum((x[1:] - x[:-1] ** 2) ** 2)
    >>> numgrad.sparse_hessian(energy)(np.array([1.0, 2.0, 3.0])).toarray()
    array([[ 4., -4.,  0.],
           [-4., 38., -8.],
           [ 0., -8.,  2.]])
    """
    return _made(SparseHessian, f, argnums, pattern, format, check)


def _made(
    kind: Any,
    f: Any,
    argnums: Any,
    pattern: Any,
    format: str,
    check: Any,
    *out_argnum: Any,
    **mode: str,
) -> Sparse:
    """Return the transform, if its settings are some that there are."""
    argnums = checked_argnums(argnums)
    if format not in ("csr", "csc"):
        raise ValueError(f"format must be 'csr' or 'csc', not {format!r}")
    if not isinstance(check, bool | np.bool_) and not (is_integer(check) and check >= 0):
        raise TypeError(
            f"check must be a boolean, or how many calls are one that is checked, not {check!r}"
        )
    if pattern is not None:
        pattern = Pattern.of(pattern, symmetric=kind is SparseHessian)
    for position in out_argnum:
        if position is not None and not is_integer(position):
            raise TypeError(f"out_argnum must be an int or None, not {position!r}")
    settings = argnums, *out_argnum, pattern, format, int(check), *mode.values()
    return cast("Sparse", made(kind, f, *settings))


register(sparse_jacobian, SparseJacobian)
register(sparse_hessian, SparseHessian)
