"""Whether there is CUDA: the package, and a device.

Only the files of this room that begin with ``cuda_`` import ``numba.cuda``, and none does before
CUDA is asked for.

numba-cuda is in maintenance. For its successor, numba-cuda-mlir, these would be written anew.
What differs there: the module is ``numba_cuda_mlir`` and not ``numba.cuda``; there is no simulator,
so `simulated` is always False; it has registries of its own for typing, lowering and data models,
which `cuda_compiler.define` and its kin must fill.
"""

from functools import cache
from importlib.util import find_spec
from types import ModuleType

INSTALL = "pip install 'numba-numgrad[cuda]'"


def availability() -> tuple[bool, str]:
    """Whether kernels can run on a GPU here.

    Returns
    -------
    tuple of bool and str
        True and the names of the devices, or False and the reason.
    """
    if not is_installed():
        return False, f"numba-cuda isn't installed: {INSTALL}"
    try:
        from numba import cuda
    except ImportError as error:
        return False, f"numba-cuda can't be imported: {error}"
    if not cuda.is_available():
        return False, _one_line(cuda.cuda_error() or "no device found")
    return True, ", ".join(_name(device) for device in cuda.list_devices())


@cache
def is_installed() -> bool:
    """Whether numba-cuda is there."""
    return find_spec("numba_cuda") is not None


def _one_line(message: object) -> str:
    return " ".join(str(message).split())


def _name(device: object) -> str:
    name = getattr(device, "name", "Numba's simulator of CUDA")
    return name.decode() if isinstance(name, bytes) else str(name)


def loaded() -> ModuleType:
    """Return ``numba.cuda``, which knows our functions from then on.

    Raises
    ------
    ModuleNotFoundError
        If the extra for CUDA isn't installed.
    """
    if not is_installed():
        raise ModuleNotFoundError(f"target='cuda' needs numba-cuda: {INSTALL}")
    from numba import cuda

    module: ModuleType = cuda
    return module


def ready() -> ModuleType:
    """Return ``numba.cuda`` if there is a device to run on.

    Raises
    ------
    ModuleNotFoundError
        If the extra for CUDA isn't installed.
    RuntimeError
        If there is no device, with the reason.
    """
    module = loaded()
    available, reason = _availability()
    if not available:
        raise RuntimeError(f"target='cuda' needs a GPU: {reason}")
    return module


@cache
def _availability() -> tuple[bool, str]:
    return availability()


@cache
def simulated() -> bool:
    """Whether kernels run in Numba's simulator (NUMBA_ENABLE_CUDASIM=1)."""
    loaded()
    import numba

    return bool(numba.config.ENABLE_CUDASIM)


def in_kernel() -> bool:
    """Whether Numba is compiling for CUDA."""
    from numba.core.target_extension import current_target

    return bool(current_target() == "cuda")
