"""The positions of the arguments to differentiate by, and of the output."""

from typing import Any


def positions_of(function: Any, argnums: Any, count: int) -> tuple[tuple[int, ...], bool]:
    """Return the positions of arguments, and whether a single one was asked for."""
    name = getattr(function, "__name__", function)
    single = not isinstance(argnums, tuple)
    positions = []
    for argnum in (argnums,) if single else argnums:
        if not -count <= argnum < count:
            raise ValueError(
                f"argnums has {argnum}, but {name} was called with {count} "
                f"argument{'s' if count != 1 else ''}"
            )
        positions.append(argnum % count)
    if len(set(positions)) < len(positions):
        raise ValueError(f"argnums names an argument twice: {argnums!r} of {count} arguments")
    return tuple(positions), single


def position_of_output(function: Any, out_argnum: int, count: int) -> int:
    """Return the position of the argument that a function writes its output to."""
    name = getattr(function, "__name__", function)
    if not -count <= out_argnum < count:
        raise ValueError(
            f"out_argnum is {out_argnum}, but {name} was called with {count} "
            f"argument{'s' if count != 1 else ''}"
        )
    return out_argnum % count
