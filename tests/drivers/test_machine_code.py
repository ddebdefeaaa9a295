"""The machine code of a twin: whole vectors of partials, and no call in the inner loop."""

import platform
import re

import numpy as np
import pytest
from llvmlite import binding

import numgrad
from numgrad.drivers.forward.widths import register_bytes
from numgrad.twin.plain import plain
from numgrad.twin.twin import twin_of
from tests.twin.functions import rosenbrock

pytestmark = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="reads x86-64 assembly"
)


def loop_bodies(assembly):
    """Return the blocks of a function's assembly that jump back to themselves."""
    blocks = re.split(r"\n(?=\.L\w+:)", assembly)
    bodies = []
    for block in blocks:
        label = block.split(":", 1)[0]
        if re.search(rf"\tj\w+\t{re.escape(label)}\b", block):
            bodies.append(block)
    return bodies


def test_rosenbrock():
    numgrad.grad(rosenbrock, mode="forward")(np.ones(200))
    twin = twin_of(rosenbrock)
    first_order = [kinds for kinds in twin.overloads if kinds[0].dtype.depth == 1]
    widest = max(first_order, key=lambda kinds: kinds[0].dtype.count)
    assembly = twin.inspect_asm(widest)
    register = {64: "zmm", 32: "ymm", 16: "xmm"}[register_bytes()]
    bodies = [body for body in loop_bodies(assembly) if "pd\t" in body]
    body = max(bodies, key=len)
    assert not re.search(r"\tcall", body), body
    vectors = re.findall(rf"\tv?f?n?m?\w+pd\t[^\n]*%{register}", body)
    assert len(vectors) >= widest[0].dtype.count * 8 // register_bytes(), body
    if binding.get_host_cpu_features().get("fma"):
        assert re.search(rf"\tvfn?m\w+pd\t[^\n]*%{register}", body), body


def of_complex(x):
    z = x[0] + 1j * x[1]
    for k in range(x.size):
        z = z * (x[k] + 2j) / (z + 3.0)
    return z.real


def test_complex_partials_are_vectors_too():
    """As much code for many partials as for few, where each lane once had its own."""
    sizes = {}
    for inputs in (8, 16):
        numgrad.grad(of_complex, mode="forward")(np.ones(inputs))
    for kinds, compiled in twin_of(plain(of_complex)).overloads.items():
        sizes[kinds[0].dtype.count] = len(compiled.library.get_llvm_str().splitlines())
    few, many = min(sizes), max(sizes)
    assert few < many
    assert sizes[many] < 1.3 * sizes[few]
