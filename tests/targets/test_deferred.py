"""Machine code is made of what is called, and of all else when it is asked for."""

import ctypes
import pickle
import platform

import numba
import numpy as np
import pytest
from numba import njit
from numba.core.codegen import JITCodeLibrary
from numba.core.registry import cpu_target

import numgrad
from numgrad.targets.deferred import DeferredLibrary
from numgrad.twin.twin import twin_of


@njit
def halved(x):
    if x < 0:
        raise ValueError("no half of", x)
    return 0.5 * x


@njit
def rest(x, n):
    return x if n == 1 else x * power(x, n - 1)


@njit
def power(x, n=3):
    return x if n == 1 else x * rest(x, n - 1)


def twins_library(function):
    (compiled,) = twin_of(function).overloads.values()
    return compiled.library


def test_what_others_wait_for_in_vain_defers_nothing_less(monkeypatch):
    awaited = cpu_target.target_context.codegen()._rtlinker._unresolved
    monkeypatch.setitem(awaited, "of a function that failed to compile", None)
    f = njit(lambda x: halved(x) + x)
    assert numgrad.derivative(f)(3.0) == 1.5
    assert twins_library(f)._is_deferred


def test_what_is_linked_into_its_callers_has_none():
    f = njit(lambda x: halved(x) * x)
    assert numgrad.derivative(f)(3.0) == 3.0
    assert twins_library(f)._is_deferred
    assert not twins_library(halved)._defines("no such function")
    assert twins_library(halved).get_pointer_to_function("no such function") == 0
    assert twins_library(halved)._is_deferred


def test_it_is_made_when_an_address_is_asked_for():
    @njit
    def doubled(x):
        return x + x

    @njit
    def f(x):
        return doubled(x) * x + doubled(4.0)

    assert numgrad.derivative(f)(3.0) == 12.0
    (compiled,) = doubled.overloads.values()  # for 4.0, within the twin
    assert isinstance(compiled.library, DeferredLibrary)
    address = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_cfunc_wrapper_name)
    assert ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(address)(2.5) == 5.0
    assert doubled(2.5) == 5.0
    library = twins_library(doubled)
    assert library._is_deferred
    name = twin_of(doubled).overloads[next(iter(twin_of(doubled).overloads))].fndesc.llvm_func_name
    assert library.get_pointer_to_function(name) != 0
    assert not library._is_deferred
    assert library.get_pointer_to_function(name) == library.get_pointer_to_function(name)


def test_what_is_linked_into_its_callers_is_optimised_with_them():
    doubled = njit(lambda x: x + x)
    f = njit(lambda x: doubled(x) * doubled(x + 1.0))
    assert numgrad.derivative(f)(3.0) == 28.0
    library = twins_library(doubled)
    assert not library._is_optimised
    assert library._shared_module is None  # callers had copies
    as_callers_had_it = str(library._final_module)
    assert library.get_llvm_str() != as_callers_had_it
    assert library._is_optimised
    assert library._is_deferred  # to be read, not to run
    assert "addsd" in library.get_asm_str() or platform.machine() != "x86_64"


@pytest.mark.parametrize("is_read_before", [False, True])
def test_machine_code_is_made_of_what_is_optimised(is_read_before):
    """Inlined and simplified: nothing is left to call, and the loop knows its result."""
    same = njit(lambda x: x)

    @njit
    def f(x):
        total = 0.0
        for _ in range(8):
            total += same(x)
        return total * x

    assert numgrad.derivative(njit(lambda x: f(x)))(3.0) == 48.0
    library = twins_library(f)
    if is_read_before:
        library.get_llvm_str()
    assert library._is_optimised is is_read_before
    (name,) = (each.fndesc.llvm_func_name for each in twin_of(f).overloads.values())
    assert library.get_pointer_to_function(name) != 0
    assert library._is_optimised
    (function,) = (each for each in library.get_defined_functions() if each.name == name)
    assert len(list(function.blocks)) == 1
    assert "call" not in str(function)


def test_addresses_that_are_optimised_away_keep_nothing_from_a_disk():
    square = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(lambda x: x * x)

    def chosen(number):
        chooses = njit(lambda x: number if x > 0.0 else number + 1)

        @njit
        def f(x):
            return square(2.0) * x * x if chooses(x) > 4 else x * x

        return f

    for f, expected, has_address in ((chosen(1), 6.0, False), (chosen(5), 24.0, True)):
        assert numgrad.derivative(njit(lambda x, f=f: f(x)))(3.0) == expected
        library = twins_library(f)
        assert library._dynamic_globals  # of what hasn't been optimised
        assert library.has_dynamic_globals is has_address


def test_constants_are_found_from_all_callers():
    """An exception's arguments are constants of the function that raises it."""
    for factor in (1.0, 2.0):
        f = njit(lambda x, factor=factor: halved(x) * factor)
        assert numgrad.derivative(f)(3.0) == 0.5 * factor
        with pytest.raises(ValueError, match="no half of"):
            numgrad.derivative(f)(-1.0)


def test_functions_that_call_each_other():
    assert numgrad.derivative(power)(2.0) == pytest.approx(12.0)
    assert numgrad.derivative(numgrad.derivative(power))(2.0) == pytest.approx(12.0)


def test_numba_is_left_as_it_was():
    codegen = cpu_target.target_context.codegen()
    with pytest.raises(Exception, match="no_such_name"):
        numgrad.derivative(njit(lambda x: no_such_name(x)))(1.0)  # noqa: F821
    assert codegen._library_class is JITCodeLibrary
    assert "_library_class" not in vars(codegen)
    alone = njit(lambda x: x + 1.0)
    assert alone(1.0) == 2.0
    (compiled,) = alone.overloads.values()
    assert type(compiled.library) is JITCodeLibrary


def test_a_derivative_within_a_program_and_its_threads():
    slope = numgrad.derivative(halved)

    @njit(parallel=True)
    def slopes(x):
        out = np.empty_like(x)
        for k in numba.prange(x.size):
            out[k] = slope(x[k])
        return out

    np.testing.assert_array_equal(slopes(np.arange(5.0)), np.full(5, 0.5))


def test_code_that_is_kept():
    """What Numba saves of a function is its machine code, made for that if need be."""
    f = njit(lambda x: x * x)
    assert numgrad.derivative(f)(3.0) == 6.0
    library = twins_library(f)
    library.enable_object_caching()
    assert library._is_deferred
    _, kind, (code, bitcode) = pickle.loads(pickle.dumps(library.serialize_using_object_code()))
    assert kind == "object"
    assert code
    assert bitcode
    assert not library._is_deferred
