"""What Numba is told of numgrad: through the entry point ``numba_extensions``, and for kernels."""

from numgrad.arrays import loading
from numgrad.fields.compiled import registration as fields
from numgrad.targets import cuda_compiler


def register() -> None:
    """Teach Numba the gradient of samples, and the dual number."""
    from numgrad.twin import capturing  # noqa: F401 - which tells Numba of itself

    fields.register()
    loading.register()


def register_in_kernels() -> None:
    """Teach numba-cuda what names of numgrad are in kernels; it has no entry point."""
    cuda_compiler.define_all()
