"""What tests of the kernels share."""

import pytest

from numgrad.fields import run_cpu
from numgrad.targets import choose


@pytest.fixture
def path(monkeypatch):
    """Return a function that forces how small arrays are derived."""

    def force(*, streamed=False, parallel=False, tabulated=True, blocks=False, march=False):
        if streamed or march:
            # less than any array here; marching starts at an eighth of the cache
            monkeypatch.setattr(choose, "cache_bytes", lambda: 64)
        monkeypatch.setattr(run_cpu, "PARALLEL_RESULTS", 0)  # no short cut for few samples
        if parallel:
            monkeypatch.setattr(choose, "PARALLEL_RESULTS", 0)
        if not tabulated:
            monkeypatch.setattr(run_cpu, "TABLE_POINTS", 0)
        if blocks:
            monkeypatch.setattr(run_cpu, "BLOCK_BYTES", 256)
            monkeypatch.setattr(run_cpu, "DIRECT_BLOCK_BYTES", 1024)
        run_cpu._contiguous_pass.cache_clear()
        run_cpu._few_pass.cache_clear()

    yield force
    monkeypatch.undo()
    run_cpu._contiguous_pass.cache_clear()
    run_cpu._few_pass.cache_clear()
