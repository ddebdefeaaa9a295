"""Arrays on a GPU, of whatever library, and streams.

Addresses are reckoned with by NumPy: an array on the GPU has a shadow, an array of NumPy that lies
where it does and is never read.
"""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from numgrad.targets.cuda_device import ready, simulated

DLPACK_DEVICES = (2, 13)  # memory of CUDA, and managed memory
DEFAULT_STREAM = 1  # as DLPack numbers it


OF_HOST = np.ndarray, np.generic, int, float, complex, list, tuple


def is_on_device(array: Any) -> bool:
    """Whether an object is an array that lies on a GPU."""
    if isinstance(array, OF_HOST):
        return False
    return getattr(array, "__cuda_ndarray__", False) or interface_of(array) is not None


def interface_of(array: Any) -> dict[str, Any] | None:
    """The CUDA array interface of an array, or None."""
    try:
        interface: dict[str, Any] | None = getattr(array, "__cuda_array_interface__", None)
    except TypeError:  # PyTorch of a tensor that lies elsewhere
        return None
    if interface is None and _kind_of_device(array) in DLPACK_DEVICES:
        return _interface_by_dlpack(array)
    return interface


def _kind_of_device(array: Any) -> int | None:
    """The kind of device that an array lies on by DLPack, or None."""
    tell = getattr(array, "__dlpack_device__", None)
    return int(tell()[0]) if callable(tell) and hasattr(array, "__dlpack__") else None


def _interface_by_dlpack(array: Any) -> dict[str, Any]:
    """The CUDA array interface of an array that has DLPack's alone.

    The library lets the default stream wait for whatever still writes the array.
    """
    ready()
    from cuda.core.utils import StridedMemoryView

    view = StridedMemoryView.from_dlpack(array, stream_ptr=DEFAULT_STREAM)
    dtype = np.dtype(view.dtype)
    strides = view.strides and tuple(stride * dtype.itemsize for stride in view.strides)
    return {
        "shape": tuple(view.shape),
        "strides": strides,
        "typestr": dtype.str,
        "data": (view.ptr, view.readonly),
        "version": 3,
    }


class _Described:
    """An object that tells NumPy where an array lies."""

    def __init__(self, interface: dict[str, Any]) -> None:
        self.__array_interface__ = interface


def shadow_of(array: Any) -> np.ndarray[Any, Any]:
    """Return an array of NumPy with the shape, the strides and the address of one on a GPU.

    It serves to reckon with addresses. Its elements can't be read.
    """
    interface = interface_of(array)
    if interface is None:
        return array._ary  # type: ignore[no-any-return] # of the simulator
    if interface.get("mask") is not None:
        raise TypeError("an array with a mask can't be derived on a GPU")
    address, read_only = interface["data"]
    described = {
        "shape": tuple(interface["shape"]),
        "strides": interface.get("strides"),
        "typestr": interface["typestr"],
        "data": (address or 0, read_only),
        "version": 3,
    }
    if 0 in described["shape"]:
        return np.empty(described["shape"], described["typestr"])
    return np.asarray(_Described(described))


class _OnDevice:
    """An object that tells Numba where an array lies on a GPU."""

    def __init__(self, shadow: np.ndarray[Any, Any], owner: Any) -> None:
        self.owner = owner  # lives as long as the view
        self.__cuda_array_interface__ = {
            "shape": shadow.shape,
            "strides": None if shadow.flags.c_contiguous else shadow.strides,
            "typestr": shadow.dtype.str,
            "data": (shadow.ctypes.data, False),
            "version": 3,
        }


def array_at(shadow: np.ndarray[Any, Any], owner: Any) -> Any:
    """Return the array that a shadow stands for, as kernels take it."""
    cuda = ready()
    if simulated():
        from numba.cuda.simulator.cudadrv.devicearray import FakeCUDAArray

        return FakeCUDAArray(shadow)
    return cuda.as_cuda_array(_OnDevice(shadow, owner), sync=False)


def empty_like(array: Any, dtype: np.dtype[Any], strides: tuple[int, ...], stream: Any) -> Any:
    """Return a new array like one on a GPU, of the same library.

    The strides are for Numba's own arrays; other libraries have a rule of their own.
    """
    library: Any = sys.modules.get(type(array).__module__.partition(".")[0])
    if getattr(array, "__cuda_ndarray__", False) or not hasattr(library, "empty_like"):
        return ready().device_array(array.shape, dtype=dtype, strides=strides, stream=stream)
    return library.empty_like(array, dtype=getattr(library, dtype.name))


def empty_of(array: Any, shape: tuple[int, ...], dtype: np.dtype[Any], stream: Any) -> Any:
    """Return a new array of some shape, of the library of one on a GPU."""
    library: Any = sys.modules.get(type(array).__module__.partition(".")[0])
    if getattr(array, "__cuda_ndarray__", False) or not hasattr(library, "empty"):
        return ready().device_array(shape, dtype=dtype, stream=stream)
    if hasattr(array, "new_empty"):  # of PyTorch, on the same device
        return array.new_empty(shape, dtype=getattr(library, dtype.name))
    return library.empty(shape, dtype=getattr(library, dtype.name))


def to_device(array: np.ndarray[Any, Any], stream: Any) -> Any:
    """Return a copy of a contiguous array on the GPU."""
    return ready().to_device(array, stream=stream)


def empty(count: int, dtype: np.dtype[Any], stream: Any) -> Any:
    """Return a new array of one dimension on the GPU."""
    return ready().device_array(count, dtype=dtype, stream=stream)


def free_bytes() -> float:
    """The free memory of the device in bytes."""
    return float(ready().current_context().get_memory_info().free)


# Streams


def stream_of(stream: Any, arrays: Sequence[Any]) -> Any:
    """Return a stream of Numba's for one of any library; without one, that of the arrays.

    Streams are those of Numba, CuPy and PyTorch, or their addresses. An array whose library says on
    which stream it is written is read on that one, so that nobody needs to wait.
    """
    cuda = ready()
    if simulated():
        return 0
    if stream is None:
        given = [(interface_of(array) or {}).get("stream") for array in arrays]
        stream = next((one for one in given if one is not None), 0)
    for attribute in ("cuda_stream", "ptr"):  # of PyTorch, of CuPy
        stream = getattr(stream, attribute, stream)
    return cuda.external_stream(stream) if type(stream) is int and stream else stream
