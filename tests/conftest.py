"""Settings of all tests."""

import gc
from collections import Counter

from hypothesis import HealthCheck, settings

from tests import compiling  # noqa: F401  (makes it faster)

# The first example that needs a kernel waits for its compilation, so times say nothing.
settings.register_profile(
    "numgrad", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("numgrad")

# Compilers make millions of small objects; a tenth of the time went to looking for dead ones.
gc.set_threshold(200_000, 20, 50)

# Files that compile for long, or start processes: ten seconds of a processor and more. They come
# first, the longest first of all, so that no worker begins one when the others are done.
LONG = """
    drivers/reverse/test_passes fields/compiled/test_gradient arrays/linalg/test_linear_algebra
    transforms/test_checkpoint transforms/test_sparse fields/operators/test_differentiate
    fields/operators/test_gradient arrays/test_array_functions drivers/test_modes
    caching/test_wrappers caching/test_kept fields/adapters/test_dask fields/compiled/test_operators
    drivers/forward/test_care fields/compiled/test_followed_gradient numbers/tape/test_loops
    fields/adapters/test_dask_gradient test_safety test_readme
    targets/test_own_processes drivers/test_state fields/kernels/test_any_stencil
    fields/kernels/test_cuda twin/test_kinds_of_code transforms/test_pullback
    numbers/tape/test_lanes drivers/test_layouts fields/operators/test_differential
    caching/test_stamping caching/test_changes tracer/test_both_ways arrays/test_statistics
    transforms/test_products transforms/test_vjp transforms/test_implicit drivers/test_scratch
    drivers/sparse/test_backward drivers/test_exceptions transforms/test_grad
    transforms/test_jacobian transforms/test_safety transforms/test_hessian drivers/test_floats
    test_first_use numbers/tape/test_memory test_main
    """.split()


def pytest_configure(config):
    """Know the marks of NumPy's own tests, which are run with our function."""
    for mark in ("slow", "thread_unsafe"):
        config.addinivalue_line("markers", f"{mark}: of NumPy")
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False  # of pytest-xdist, by the number of tests alone


def pytest_collection_modifyitems(items):
    """Let workers take the longest files first, then those of the most tests."""
    ranks = {f"tests/{name}.py": rank for rank, name in enumerate(LONG)}
    files = [item.nodeid.split("::")[0] for item in items]
    counts = Counter(files)
    order = {file: (ranks.get(file, len(LONG)), -counts[file], file) for file in counts}
    items.sort(key=lambda item: order[item.nodeid.split("::")[0]])


def pytest_collection_finish():
    """Leave alone what was imported, which none of the collections could free."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish():
    """Look for garbage once, where pytest does so twice: a second each in a large process."""
    gc.collect()
    gc.freeze()
