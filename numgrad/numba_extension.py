"""What Numba calls through the entry point ``numba_extensions`` before it first compiles."""

from numgrad.duals import in_numba as duals
from numgrad.fields import in_numba as fields


def register() -> None:
    """Teach Numba the gradient of samples, and the dual number."""
    fields.register()
    duals.register()


def refresh() -> None:
    """Tell Numba of what was registered since it began to compile."""
    from numba.core.registry import cpu_target

    cpu_target.typing_context.refresh()
