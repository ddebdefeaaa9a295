"""The messages of all errors that the package raises, read off its source."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

# What tells of a fault in an installation, in a protocol of Python's, or in numgrad itself;
# and what tells a cache to compile anew
NOT_FOR_USERS = {"AttributeError", "NotImplementedError", "RuntimeError in installation.py"}
NOT_FOR_USERS |= {"NoDigestError", "StaleError", "LookupError in objects.py"}
NOT_FOR_USERS |= {"AssertionError in pipeline.py"}
NOT_FOR_USERS |= {"AssertionError in transform.py", "NumbaTypeError in nodes.py"}
REASONS = {"refusal", "located"}  # functions that make a DifferentiationError of a reason


class Message(NamedTuple):
    """What an error says: the longest of the parts that are the same each time."""

    place: str
    error: str
    fixed: str


def messages(package: Path) -> Iterator[Message]:
    """Yield the messages of a package, in the order of its files."""
    for path in sorted(package.rglob("*.py")):
        if "examples" in path.relative_to(package).parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            call = node.exc if isinstance(node, ast.Raise) else None
            if not isinstance(call, ast.Call) or not call.args:
                continue
            error = ast.unparse(call.func).rpartition(".")[2]
            if {error, f"{error} in {path.name}"} & NOT_FOR_USERS:
                continue
            fixed = longest_part(call.args[0])
            if fixed:
                error = "DifferentiationError" if error in REASONS else error
                yield Message(f"{path.relative_to(package)}:{call.lineno}", error, fixed)


def longest_part(text: ast.expr) -> str:
    """Return the longest constant part of a message; nothing if it is made elsewhere."""
    parts = text.values if isinstance(text, ast.JoinedStr) else [text]
    constants = [part.value for part in parts if isinstance(part, ast.Constant)]
    return plain(max(filter(lambda part: isinstance(part, str), constants), key=len, default=""))


def plain(text: str) -> str:
    """Return a text in single spaces, without what marks code in a page."""
    return " ".join(text.replace("`", "").replace("\\", "").split()).strip(" ,;:")
