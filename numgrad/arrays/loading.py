"""When Numba learns about numbers: a little at its start, all when it meets one.

Numba calls ``register`` through the entry point ``numba_extensions`` before it first compiles, so
this file imports as little as it can.
"""

from functools import cache
from typing import Any

from numgrad.targets.cuda_compiler import DEFINERS


@cache
def register() -> None:
    """Teach Numba how a dual is made, and what type one from Python has."""
    from numba.extending import overload, typeof_impl

    from numgrad.caching.frozen import note
    from numgrad.numbers.dual.number import Dual
    from numgrad.targets.names import differ_between_processes

    differ_between_processes(note)

    @overload(Dual, strict=False)
    def typed(value: Any, partials: Any) -> Any:
        load()
        from numgrad.caching.stamping import follow_rules
        from numgrad.numbers.dual.attributes import dual_of_parts

        def made(value, partials):
            follow_rules()
            return dual_of_parts(value, partials)

        return made

    @typeof_impl.register(Dual)
    def typeof_dual(dual: Any, context: Any) -> Any:
        load()
        from numgrad.numbers.dual.python import type_of_dual

        return type_of_dual(dual)


@cache
def load() -> None:
    """Teach Numba the whole table, and NumPy's functions on arrays of numbers."""
    from numgrad.targets.context import registering

    register()
    with registering():
        from numgrad.arrays import (  # noqa: F401 - each registers what it defines
            activation,
            containers,
            convolution,
            copies,
            creation,
            interpolation,
            logic,
            manipulation,
            mathematics,
            objects,
            ranges,
            sorting,
            statistics,
            sums,
            views,
        )
        from numgrad.arrays.linalg import (  # noqa: F401
            cholesky,
            determinants,
            eigenvalues,
            equations,
            least_squares,
            norms,
            products,
            qr,
            singular_values,
            unsymmetric,
        )
        from numgrad.caching.stamping import begin
        from numgrad.calls import builtins, complex_functions, into  # noqa: F401
        from numgrad.calls.entries import register_table
        from numgrad.numbers.dual import attributes, python  # noqa: F401

        register_table()
        begin()


def define_in_kernels() -> None:
    """Teach numba-cuda the same."""
    from numgrad.calls import on_cuda

    load()
    on_cuda.register()


DEFINERS.append(define_in_kernels)
