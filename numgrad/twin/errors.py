"""The error of a function that can't be differentiated, with the user's line."""

import linecache
import os
import re
from typing import Any

PLACE = re.compile(r'(?:\bat |File ")([^"\n]+?)(?:" *, line | \()(\d+)\)?')
RAISED = re.compile(r"^\w*Error: ")
LLVM = re.compile(r": %\".*")  # an instruction, behind the types of a cast
DUAL = re.compile(r"Dual\((?:[^()]|\([^()]*\))*\)")


class DifferentiationError(TypeError):
    """A function can't be differentiated: the message names the line, the reason, the way out."""


def shown(error: DifferentiationError) -> tuple[DifferentiationError, BaseException | None]:
    """Return the error that a call from Python raises, and the cause to show with it.

    What Numba went through and said fills pages, in which the user's own lines are lost. It stays
    the error's context, and is shown where the environment variable asks for it.
    """
    if os.environ.get(FULL, "") not in ("", "0"):
        return error, error.__cause__
    error.__context__ = error.__cause__ or error.__context__
    return error.with_traceback(None), None


OVERFILLED = (
    "What is stored in the field {} carries derivatives, which the fields of a {} can't hold."
)
FULL = "NUMGRAD_FULL_TRACEBACK"


def explained(error: Any, name: str, filename: str) -> DifferentiationError:
    """The error to raise for one of Numba's, which stays its context.

    Parameters
    ----------
    error : NumbaError
        What Numba raised while it compiled a function on duals.
    name : str
        The function.
    filename : str
        The file in which it stands.
    """
    message = str(error)
    reason = reason_in(message) or f"Numba fails here with {type(error).__name__}."
    reason = DUAL.sub("number with derivatives", reason)
    place = place_in(message, filename)
    return DifferentiationError(
        f"{name} can't be differentiated{place}\n{reason}\n{advice(message)}\n{WITHOUT_COMPILING}"
    )


def located(name: str, filename: str, line: int, reason: str, advice: str) -> DifferentiationError:
    """Return the error to raise for a line of a function."""
    return DifferentiationError(
        f"{name} can't be differentiated{place_of(filename, line)}\n{reason}\n{advice}"
    )


def reason_in(message: str) -> str:
    """The reason in a message of Numba's, without the pages about where it was found."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    told = [RAISED.sub("", line) for line in lines if not line.startswith(SURROUNDINGS)]
    stored = re.search(r"setitem\((Record|nestedarray|(?:\w+ )?array)", message)
    if stored is not None:
        what = "a record" if stored[1] == "Record" else "this array"
        return f"What is stored carries derivatives, which {what} can't hold."
    for line in reversed(told):
        if line.startswith(REASONS):
            return LLVM.sub("", line)
    return told[0] if told else message


SURROUNDINGS = (
    "Failed in",
    "During:",
    "File ",
    "raised from",
    "There are",
    "- Of which",
    "Overload ",
    "With argument(s)",
    "Rejected",
    "def ",
    "^",
    "<source",
    ">>>",
)
REASONS = (
    "No formula",
    "No rule",
    "the rule for",
    "No conversion",
    "Cannot cast",
    "cannot convert",
    "Cannot unify",
    "No implementation",
    "Use of unsupported",
    "Unknown attribute",
    "Invalid use",
    "unsupported",
    "Unsupported",
)


def place_in(message: str, filename: str) -> str:
    """Return the innermost line of the user's that a message of Numba's names."""
    places = [
        (path, int(line))
        for path, line in PLACE.findall(message)
        if path.endswith(filename.rsplit("/", 1)[-1])
    ]
    if not places:
        return f":\n{filename}"
    _, line = places[-1]
    return place_of(filename, line)


def place_of(filename: str, line: int) -> str:
    """A line of a file with its text, for a message."""
    return f":\n{filename}, line {line}: {linecache.getline(filename, line).strip()}"


def advice(message: str) -> str:
    """The way out."""
    if "No conversion" in message or "Cannot cast" in message or "setitem" in message:
        return (
            "A number with derivatives would have to be stored where only its value fits, and its "
            "derivatives would be lost. Allocate the array inside the function, or hand it in as "
            "an argument."
        )
    if "mismatch of argument types" in message:
        return (
            "A function that came in a tuple or a list is known by its address alone. Hand it in "
            "as an argument of its own, or put the tuple where the function sees it as a constant."
        )
    return "If that is a function of its own, give it a rule: numgrad.rule."


WITHOUT_COMPILING = (
    "What Numba can't compile can be differentiated in plain Python: pass jit=False, as in "
    "numgrad.grad(f, jit=False)."
)
