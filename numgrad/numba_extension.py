"""What Numba calls through the entry point ``numba_extensions`` before it first compiles."""

from numgrad.calls import in_numba as duals
from numgrad.fields import in_numba as fields


def register() -> None:
    """Teach Numba the gradient of samples, and the dual number."""
    fields.register()
    duals.register()
