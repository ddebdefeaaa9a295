"""The only file that imports numba.cuda, and only when CUDA is asked for."""

from importlib.util import find_spec

INSTALL = "pip install 'numba-numgrad[cuda]'"


def availability() -> tuple[bool, str]:
    """Tell whether kernels can run on a GPU here.

    Returns
    -------
    tuple of bool and str
        True and the names of the devices, or False and the reason.
    """
    if find_spec("numba_cuda") is None:
        return False, f"numba-cuda isn't installed: {INSTALL}"
    try:
        from numba import cuda
    except ImportError as error:
        return False, f"numba-cuda can't be imported: {error}"
    if not cuda.is_available():
        return False, _one_line(cuda.cuda_error() or "no device found")
    return True, ", ".join(_name(device) for device in cuda.list_devices())


def _one_line(message: object) -> str:
    return " ".join(str(message).split())


def _name(device: object) -> str:
    return str(getattr(device, "name", "Numba's simulator of CUDA"))
