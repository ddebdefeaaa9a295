"""What numba-cuda must know before it compiles a kernel.

Numba's entry point for extensions does not serve kernels, so this is called wherever numgrad meets
CUDA: when a name of numgrad is first used in a process that has loaded ``numba.cuda``, and when a
kernel calls a derivative.
"""

from functools import cache


@cache
def register() -> None:
    """Teach numba-cuda the dual number, and the names of numgrad inside kernels."""
    from numgrad.targets import cuda

    if not cuda.is_installed():  # Numba comes with a remnant of numba.cuda
        return
    from numgrad.calls import on_cuda
    from numgrad.drivers.sized import sized
    from numgrad.drivers.transform import MADE_IN_COMPILED_CODE
    from numgrad.transforms.products import compiled_hvp, compiled_jvp, hvp, jvp

    on_cuda.register()
    for function, typed in MADE_IN_COMPILED_CODE.items():
        cuda.define(function, typed, prefer_literal=True)
    if not cuda.simulated():
        cuda.type_local_arrays(sized)
    cuda.define(jvp, compiled_jvp)
    cuda.define(hvp, compiled_hvp)
    cuda.refresh()
