"""The same derivative by every library that has one: a call without arguments for each.

Whatever can be prepared is prepared before the call: operators, compiled functions, arrays of the
library's own kind. The results are allocated in each call, for none but numgrad takes ``out=``.
"""

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
from numba import get_num_threads

Call = Callable[[], object]
Spacings = tuple[float | np.ndarray, ...]


def torch_call(field: np.ndarray, spacings: Spacings, axes: tuple[int, ...]) -> Call:
    """``torch.gradient`` on as many threads as Numba has."""
    import torch

    torch.set_num_threads(get_num_threads())
    samples = torch.from_numpy(field)
    if are_coordinates(spacings):
        spacing = [torch.from_numpy(coordinates) for coordinates in spacings]
    else:
        spacing = spacings[0] if spacings else 1.0
    return lambda: torch.gradient(samples, spacing=spacing, dim=axes)


def jax_call(field: np.ndarray, spacings: Spacings, axes: tuple[int, ...]) -> Call:
    """``jax.numpy.gradient``, compiled; uniform spacing is all that it knows."""
    import jax

    if are_coordinates(spacings):
        raise NotImplementedError("uniform spacing only")
    jax.config.update("jax_enable_x64", True)
    samples = jax.numpy.asarray(field)
    derive = jax.jit(lambda f: jax.numpy.gradient(f, *spacings, axis=axes))
    return lambda: jax.block_until_ready(derive(samples))


def findiff_call(field: np.ndarray, spacings: Spacings, axes: tuple[int, ...]) -> Call:
    """One operator an axis, of second order at the edges too: findiff has no other."""
    from findiff import Diff
    from findiff.grids import EquidistantAxis, NonEquidistantAxis

    if are_coordinates(spacings):
        grid = map(NonEquidistantAxis, axes, spacings)
    else:
        grid = (EquidistantAxis(axis, spacings[0] if spacings else 1.0) for axis in axes)
    operators = list(map(Diff, axes, grid))
    return lambda: [operator(field) for operator in operators]


def are_coordinates(spacings: Spacings) -> bool:
    """Tell coordinates, one array an axis, from one number for all axes or none."""
    return any(isinstance(spacing, np.ndarray) for spacing in spacings)


# What the table calls it, what Python imports, and how to call it.
PEERS = {
    "torch": ("torch", torch_call),
    "JAX": ("jax", jax_call),
    "findiff": ("findiff", findiff_call),
}


def installed() -> list[str]:
    """Return which of the peers are installed."""
    return [name for name, (module, _) in PEERS.items() if find_spec(module)]


def peer_calls(
    field: np.ndarray, spacings: Spacings, axes: tuple[int, ...]
) -> dict[str, Call | None]:
    """Return the call of every installed peer, made once already; None where it has none."""
    calls: dict[str, Call | None] = {}
    for name in installed():
        _, prepare = PEERS[name]
        try:
            calls[name] = prepare(field, spacings, axes)
            calls[name]()
        except NotImplementedError:
            calls[name] = None
    return calls
