"""Forward, reverse, or what is faster: the modes, and what the environment says of them."""

import os
from typing import Final, TypeVar

from numgrad.targets.stamps import MODE_VARIABLE

FORWARD: Final = "forward"
REVERSE: Final = "reverse"
AUTO: Final = "auto"
MODES = FORWARD, REVERSE, AUTO
Some = TypeVar("Some", bound=str)


def goes_backward(mode: str, inputs: int, forward_up_to: int) -> bool:
    """Whether to go backward for so many inputs."""
    return mode == REVERSE or (mode == AUTO and inputs > forward_up_to)


def meaning_of(mode: str) -> str:
    """Return what a mode means: of auto the environment may say so."""
    return checked_mode(os.environ.get(MODE_VARIABLE, AUTO)) if mode == AUTO else mode


def checked_mode(mode: Some) -> Some:
    """Return a mode, if it is one."""
    if mode not in MODES:
        raise ValueError(f"mode must be 'auto', 'forward' or 'reverse', not {mode!r}")
    return mode
