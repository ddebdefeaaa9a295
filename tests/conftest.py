"""Settings of all tests."""

import gc

from hypothesis import HealthCheck, settings
from llvmlite.binding import newpassmanagers

# The first example that needs a kernel waits for its compilation, so times say nothing.
settings.register_profile(
    "numgrad", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("numgrad")

# Compilers make millions of small objects; a tenth of the time went to looking for dead ones.
gc.set_threshold(200_000, 20, 50)

# llvmlite's pass managers inherit a disposal that does nothing before the one that is written for
# them, and leave half a megabyte behind for each function that is compiled.
for manager in (newpassmanagers.ModulePassManager, newpassmanagers.FunctionPassManager):
    manager._dispose = newpassmanagers.NewPassManager._dispose


def pytest_configure(config):
    """Know the marks of NumPy's own tests, which are run with our function."""
    for mark in ("slow", "thread_unsafe"):
        config.addinivalue_line("markers", f"{mark}: of NumPy")


def pytest_collection_finish():
    """Leave alone what was imported, which none of the collections could free."""
    gc.collect()
    gc.freeze()
