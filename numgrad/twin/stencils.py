"""Functions of ``numba.stencil`` as the loops that they are, for derivatives to follow.

A kernel is compiled from its own source, with the indices of the point more among its arguments:
what it reads of an array relative to the point, ``a[-1, 0]``, becomes ``a[i0 - 1, i1 + 0]``.
"""

import ast
import inspect
import textwrap
from functools import partial
from types import CodeType, FunctionType
from typing import Any
from weakref import WeakKeyDictionary

import numba
import numpy as np
from numba import types
from numba.extending import overload
from numba.np.numpy_support import as_dtype

from numgrad.targets.context import refresh
from numgrad.targets.followed import FOLLOWED
from numgrad.twin.errors import DifferentiationError
from numgrad.twin.source import Body, function_of

_loops: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
WHOLE = ("shape", "size", "ndim", "dtype", "T")  # what may be asked of an array itself
SMALLER = (  # as Numba says it
    "Secondary stencil array has some dimension smaller the same dimension in the first stencil "
    "input."
)


def loops_of(stencil):
    """Return a function that computes the same, whose source derivatives follow."""
    if stencil not in _loops:
        _loops.setdefault(stencil, _function_of(stencil))
    return _loops[stencil]


def _function_of(stencil):
    kernel = stencil.kernel_ir.func_id.func
    names = ", ".join(stencil.kernel_ir.arg_names)
    given = "{} if out is None else {'out': out}"
    call = Body([f"return stencil({names}, **({given}))"], {"stencil": stencil})
    function = function_of("stencil", f"{names}, out=None", call)
    function.__name__, function.__module__ = kernel.__name__, kernel.__module__
    chosen = partial(_chosen, stencil)
    body = Body([f"return chosen(({names},), out)"], {"chosen": chosen})
    choose = function_of("stencil", f"{names}, out=None", body)
    FOLLOWED[function] = choose
    overload(function)(choose)
    refresh()  # the program that is being compiled is the first to name it
    return function


def _chosen(stencil, kinds, out):
    """Return the loops for some types, as an implementation."""
    kinds = tuple(
        types.unliteral(kind) if isinstance(kind, types.Type) else numba.typeof(kind)
        for kind in kinds  # numbers themselves come from plain Python
    )
    result = stencil.get_return_type(kinds)[0].dtype
    names = stencil.kernel_ir.arg_names
    ndim = kinds[0].ndim
    reach = _reach(stencil, kinds, ndim)
    absolute = stencil.options.get("standard_indexing", [])
    arrays = [
        name
        for name, kind in zip(names, kinds, strict=True)
        if isinstance(kind, types.Array) and name not in absolute
    ]
    kernel = _kernel_at(stencil.kernel_ir.func_id.func, arrays, ndim)
    indices = [f"i{k}" for k in range(ndim)]
    lines = [f"shape = {names[0]}.shape"]
    for other in arrays[1:]:
        smaller = " or ".join(f"shape[{k}] > {other}.shape[{k}]" for k in range(ndim))
        lines += [f"if {smaller}:", f"    raise ValueError({SMALLER!r})"]
    given = not (out is None or isinstance(out, types.NoneType | types.Omitted))
    lines += ["result = out" if given else "result = np.empty(shape, dtype)"]
    if not given or "cval" in stencil.options:
        lines += ["result[...] = cval"]
    for k, (index, (low, high)) in enumerate(zip(indices, reach, strict=True)):
        start, end = -min(0, low), max(0, high)
        lines += ["    " * k + f"for {index} in range({start}, shape[{k}] - {end}):"]
    call = f"kernel({', '.join([*indices, *names])})"
    lines += ["    " * ndim + f"result[{', '.join(indices)}] = {call}", "return result"]
    known = {
        "np": np,
        "dtype": as_dtype(result).type,
        "cval": as_dtype(result).type(stencil.options.get("cval", 0)),
        "kernel": numba.njit(kernel),
    }
    return function_of("stencil", f"{', '.join(names)}, out=None", Body(lines, known))


def _reach(stencil, kinds, ndim):
    """Return how far a kernel reaches along each axis, as Numba finds out when it compiles it."""
    if stencil.neighborhood is None:
        sig = stencil._type_me(kinds, {})
        stencil.compile_for_argtys(kinds, {}, sig.return_type, None)
    reach = stencil.neighborhood
    if len(reach) != ndim or not all(isinstance(end, int) for ends in reach for end in ends):
        raise _refused(stencil.kernel_ir.func_id.func, "is called with a neighborhood")
    return reach


def _refused(kernel, reason):
    return DifferentiationError(
        f"{kernel.__name__} is a function of @stencil that {reason}, and so has no derivative: "
        "write the loop over its points, which compiles to the same"
    )


# The kernel, at a point


def _kernel_at(kernel, arrays, ndim):
    """Return a kernel as a function of the indices of a point and of its own arguments."""
    tree = _Relative(kernel, arrays, ndim).visit(_tree_of(kernel))
    if isinstance(tree, ast.Lambda):
        tree = ast.FunctionDef(
            name="kernel",
            args=tree.args,
            body=[ast.Return(tree.body)],
            decorator_list=[],
        )
    tree.name, tree.decorator_list, tree.returns = "kernel", [], None
    tree.args.args = [ast.arg(f"i{k}_of_point") for k in range(ndim)] + tree.args.args
    captured = kernel.__code__.co_freevars
    factory: Any = ast.parse(f"def factory({', '.join(captured)}):\n    return kernel")
    factory.body[0].body.insert(0, tree)
    ast.fix_missing_locations(factory)
    made: dict[str, Any] = {}
    code = compile(factory, kernel.__code__.co_filename, "exec")
    exec(code, kernel.__globals__, made)
    cells = [cell.cell_contents for cell in kernel.__closure__ or ()]
    function = made["factory"](*cells)
    function.__name__, function.__module__ = kernel.__name__, kernel.__module__
    return function


def _tree_of(kernel):
    """Return the syntax of a kernel, with the line numbers of its file."""
    try:
        lines, first = inspect.getsourcelines(kernel)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError) as error:
        raise _refused(kernel, "has no source to be read") from error
    ast.increment_lineno(tree, first - 1)
    code: CodeType = kernel.__code__
    names = list(code.co_varnames[: code.co_argcount])
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.Lambda)
        and getattr(node, "name", "<lambda>") == code.co_name
        and [each.arg for each in node.args.args] == names
    ]
    if len(found) != 1:
        raise _refused(kernel, "stands in one line with others")
    return found[0]


class _Relative(ast.NodeTransformer):
    """Indices relative to a point, made absolute."""

    def __init__(self, kernel: FunctionType, arrays: list[str], ndim: int) -> None:
        self.kernel, self.arrays, self.ndim = kernel, arrays, ndim

    def visit_Name(self, node):
        if node.id in self.arrays:
            raise _refused(self.kernel, f"names {node.id} otherwise than to read an item of it")
        return node

    def visit_Attribute(self, node):
        if isinstance(node.value, ast.Name) and node.attr in WHOLE:
            return node
        return self.generic_visit(node)

    def visit_Call(self, node):
        """Let whole arrays be given to functions."""
        node.func = self.visit(node.func)
        node.args = [each if isinstance(each, ast.Name) else self.visit(each) for each in node.args]
        node.keywords = [self.visit(each) for each in node.keywords]
        return node

    def visit_Subscript(self, node):
        if not (isinstance(node.value, ast.Name) and node.value.id in self.arrays):
            return self.generic_visit(node)
        index = self.visit(node.slice)
        if self.ndim == 1:
            node.slice = self._moved(index, 0)
            return node
        many = isinstance(index, ast.Tuple)
        parts = (
            index.elts
            if many
            else [ast.Subscript(index, ast.Constant(k), ast.Load()) for k in range(self.ndim)]
        )
        moved = [self._moved(each, k) for k, each in enumerate(parts)]
        node.slice = ast.Tuple(moved, ast.Load())
        return node

    def _moved(self, index, axis):
        """Return an index, or a slice with both ends, from the point on."""
        if not isinstance(index, ast.Slice):
            return ast.BinOp(index, ast.Add(), ast.Name(f"i{axis}_of_point", ast.Load()))
        if index.lower is None or index.upper is None or index.step is not None:
            raise _refused(self.kernel, "takes a slice without ends")
        return ast.Slice(self._moved(index.lower, axis), self._moved(index.upper, axis))
