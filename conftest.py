"""Which files of the package can be imported here, to run their examples."""

from importlib.util import find_spec

NEEDING_CUDA = [
    "numgrad/fields/kernels_cuda.py",
    "numgrad/fields/run_cuda.py",
    "numgrad/targets/cuda_functions.py",
]
collect_ignore = [] if find_spec("numba_cuda") else NEEDING_CUDA
