"""The smallest program that still fails: what can be left out or made simpler is."""

import ast
import copy
from collections.abc import Callable, Iterator
from typing import Any

BODIES = ("body", "orelse", "handlers", "finalbody")


def shrunk(text: str, fails: Callable[[str], bool], tries: int) -> str:
    """Return a program made simpler, step by step, as long as it fails; bold steps come first."""
    seen = {text}

    def fails_too(candidate: str) -> bool:
        if candidate in seen or len(seen) > tries:
            return False
        seen.add(candidate)
        return fails(candidate)

    before = None
    while text != before:
        before = text
        for change in (without_function, without_statements, unwrapped, without_parameter, inner):
            k = 0
            while k < len(simpler := [written(tree) for tree in change(ast.parse(text))]):
                if fails_too(simpler[k]):
                    text = simpler[k]  # the next one stands at k now
                else:
                    k += 1
    return text


def written(tree: ast.AST) -> str:
    return ast.unparse(tree) + "\n"


def bodies(tree: ast.AST) -> Iterator[tuple[ast.AST, str, list[Any]]]:
    """Yield every list of statements of the functions, the outermost first."""
    for node in walked(tree):
        for name in BODIES:
            inside = getattr(node, name, None)
            if isinstance(inside, list) and inside:
                yield node, name, inside


def walked(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield every node of the functions, but none of the arguments' values."""
    yield from (n for each in tree.body if each.name != "arguments" for n in ast.walk(each))  # type: ignore[attr-defined]


def changed(tree: ast.AST, edit: Callable[[ast.AST], Any]) -> ast.AST:
    other = copy.deepcopy(tree)
    edit(other)
    return other


def without_function(tree: ast.AST) -> Iterator[ast.AST]:
    """Leave out a function that nothing calls any more."""
    for k in range(len(tree.body) - 2):  # type: ignore[attr-defined]

        def edit(other: ast.AST, k=k) -> None:
            del other.body[k]  # type: ignore[attr-defined]

        yield changed(tree, edit)


def without_statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Leave out runs of statements: halves, quarters, and one by one."""
    for k, (_, name, inside) in enumerate(bodies(tree)):
        kept = 1 if name == "body" else 0
        length = len(inside)
        while length >= 1:
            for start in range(len(inside) - length, -1, -length):

                def edit(other: ast.AST, k=k, start=start, length=length, kept=kept) -> None:
                    *_, last = zip(range(k + 1), bodies(other), strict=False)
                    del last[1][2][start : start + length]
                    if kept and not last[1][2]:
                        last[1][2].append(ast.Pass())

                yield changed(tree, edit)
            length //= 2


def unwrapped(tree: ast.AST) -> Iterator[ast.AST]:
    """Replace blocks by what is inside them, and drop the options of njit."""
    for k, (_, _, inside) in enumerate(bodies(tree)):
        for position, each in enumerate(inside):
            if isinstance(each, ast.If | ast.For | ast.While | ast.Try):

                def edit(other: ast.AST, k=k, position=position) -> None:
                    *_, last = zip(range(k + 1), bodies(other), strict=False)
                    body = last[1][2]
                    body[position : position + 1] = body[position].body

                yield changed(tree, edit)
    for k, node in enumerate(walked(tree)):
        if isinstance(node, ast.FunctionDef) and any(
            isinstance(d, ast.Call) for d in node.decorator_list
        ):

            def plain(other: ast.AST, k=k) -> None:
                nth(other, k).decorator_list = [ast.Name("njit")]

            yield changed(tree, plain)


def nth(tree: ast.AST, k: int) -> Any:
    for position, node in enumerate(walked(tree)):
        if position == k:
            return node
    raise IndexError(k)


def without_parameter(tree: ast.AST) -> Iterator[ast.AST]:
    """Leave out an argument of the function, and its value."""
    functions = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef)}  # type: ignore
    for k in range(1, len(functions["f"].args.args)):

        def edit(other: ast.AST, k=k) -> None:
            named = {n.name: n for n in other.body if isinstance(n, ast.FunctionDef)}  # type: ignore
            del named["f"].args.args[k]
            del named["arguments"].body[-1].value.elts[k]

        yield changed(tree, edit)


def inner(tree: ast.AST) -> Iterator[ast.AST]:
    """Replace an expression by one inside it, or by a number."""
    for k, node in enumerate(walked(tree)):
        if not isinstance(node, ast.BinOp | ast.Call | ast.IfExp | ast.UnaryOp | ast.BoolOp):
            continue
        parts = [n for n in ast.iter_child_nodes(node) if isinstance(n, ast.expr)]
        for replacement in [ast.Constant(1.0), *parts[isinstance(node, ast.Call) :]]:

            def edit(other: ast.AST, k=k, replacement=replacement) -> None:
                target = nth(other, k)
                Replace(target, copy.deepcopy(replacement)).visit(other)

            yield changed(tree, edit)


class Replace(ast.NodeTransformer):
    """Puts one node in the place of another."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> Any:
        return self.new if node is self.old else self.generic_visit(node)
