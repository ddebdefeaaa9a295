"""A few lines of each result in turn, past the cache."""

import numpy as np
import pytest

import numgrad
from numgrad.fields import run_cpu


@pytest.mark.parametrize("dtype", ["f8", "f4", "i4"])
@pytest.mark.parametrize("edge_order", [1, 2])
def test_lines_in_turn_past_the_cache(monkeypatch, dtype, edge_order):
    monkeypatch.setattr(run_cpu, "most_cached_bytes", lambda: 0)
    run_cpu._contiguous_pass.cache_clear()
    compiled, in_turn = run_cpu.cpu.compiled_derivation, []

    def noted(*key):
        in_turn.append(key[-1])
        return compiled(*key)

    monkeypatch.setattr(run_cpu.cpu, "compiled_derivation", noted)
    generator = np.random.default_rng(5)
    results = np.dtype("f4" if dtype == "f4" else "f8")
    for shape, axes in (
        ((6, 7, 131), (0, 1, 2)),
        ((6, 7, 131), (2, 0)),
        ((5, 300), (1, 0)),
        ((300, 140), (0,)),
        ((3, 4, 5, 129), (3, 1, 2, 0)),
        ((130, 3, 128), (1,)),
        ((3, 128), (0, 1)),
    ):
        f = generator.normal(0, 100, size=shape).astype(dtype)
        expected = np.gradient(f, 0.1, axis=axes, edge_order=edge_order)
        expected = expected if len(axes) > 1 else (expected,)
        for apart in (0, 1):  # whether lines of the cache begin elsewhere in each result
            memory = [np.full(f.size + 64, 7, results) for _ in axes]
            outs = tuple(m[8 + k * apart :][: f.size].reshape(shape) for k, m in enumerate(memory))
            numgrad.gradient(
                f, 0.1, axis=axes, edge_order=edge_order, out=outs if len(axes) > 1 else outs[0]
            )
            for k, (out, one) in enumerate(zip(outs, expected, strict=True)):
                assert out.tobytes() == one.tobytes()
                rest = np.delete(memory[k], np.s_[8 + k * apart : 8 + k * apart + f.size])
                assert (rest == 7).all()
    assert all(in_turn)
    run_cpu._contiguous_pass.cache_clear()
