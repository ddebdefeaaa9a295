"""Names of numgrad inside compiled code, in a process where they are the first that is used."""

import subprocess
import sys
import textwrap

import pytest

PROGRAM = textwrap.dedent(
    """
    import multiprocessing
    import sys

    import numba
    import numgrad
    from numba.core.registry import cpu_target

    @numba.njit
    def cube(x):
        return x**3

    @numba.njit
    def slope(x):
        return numgrad.jvp(cube, (x,), (1.0,))[1]

    def is_known(name):
        context = cpu_target.typing_context
        return context.resolve_getattr(numba.types.Module(numgrad), name) is not None

    if __name__ == "__main__":
        cube(2.0)
        context = multiprocessing.get_context("fork")
        for name in sys.argv[1:]:
            with context.Pool(1) as pool:
                print(name, pool.apply(is_known, (name,)))
        print(slope(2.0))
    """
)

NAMES = ["derivative", "grad", "value_and_grad", "jacobian", "hessian", "jvp", "hvp", "vmap"]
NAMES += ["gradient", "Dual"]


@pytest.mark.skipif(sys.platform == "win32", reason="processes can't be forked there")
def test_first_use_in_compiled_code(tmp_path):
    """One process has numba loaded and nothing of numgrad, and forks one for each name."""
    file = tmp_path / "program.py"
    file.write_text(PROGRAM, "utf-8")
    command = [sys.executable, file, *NAMES]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.split("\n")[:-1] == [*(f"{name} True" for name in NAMES), "12.0"]
