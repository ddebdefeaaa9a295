"""Settings of all tests."""

from hypothesis import HealthCheck, settings

# The first example that needs a kernel waits for its compilation, so times say nothing.
settings.register_profile(
    "numgrad", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("numgrad")


def pytest_configure(config):
    """Know the marks of NumPy's own tests, which are run with our function."""
    for mark in ("slow", "thread_unsafe"):
        config.addinivalue_line("markers", f"{mark}: of NumPy")
