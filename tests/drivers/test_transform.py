"""What a derivative is as a Python object."""

import math
import pickle
import subprocess
import sys
import threading

import cloudpickle
import numpy as np
import pytest
from numba import njit

import numgrad
from numgrad.drivers.transform import compiled
from tests.twin.functions import product, rosenbrock, rosenbrock_gradient, wave

TRANSFORMS = {
    "grad(rosenbrock)": numgrad.grad(rosenbrock),
    "value_and_grad(rosenbrock)": numgrad.value_and_grad(rosenbrock),
    "jacobian(rosenbrock)": numgrad.jacobian(rosenbrock),
    "hessian(rosenbrock)": numgrad.hessian(rosenbrock),
    "derivative(product, argnums=(0, 1))": numgrad.derivative(product, argnums=(0, 1)),
    "vmap(grad(rosenbrock), in_axes=1)": numgrad.vmap(numgrad.grad(rosenbrock), in_axes=1),
    "jacobian(rosenbrock, out_argnum=1)": numgrad.jacobian(rosenbrock, out_argnum=1),
}


@pytest.mark.parametrize("label", TRANSFORMS)
def test_names(label):
    transform = TRANSFORMS[label]
    assert transform.__name__ == label
    assert repr(transform) == f"<numgrad.{label}>"
    assert transform.__doc__.startswith("Return the ")
    assert transform.__wrapped__ is not None


def test_wrapped_and_documentation():
    def f(x):
        """Return nothing special."""
        return x

    assert numgrad.grad(f).__wrapped__ is f
    assert "Return nothing special." in numgrad.grad(f).__doc__
    assert numgrad.grad(f).__doc__.startswith("Return the gradient of ``f``.")
    assert numgrad.grad(f).__module__ == __name__


@pytest.mark.parametrize("label", TRANSFORMS)
@pytest.mark.parametrize("library", [pickle, cloudpickle])
def test_pickling(label, library):
    copy = library.loads(library.dumps(TRANSFORMS[label]))
    assert type(copy) is type(TRANSFORMS[label])
    assert copy.__name__ == label
    assert copy.settings == TRANSFORMS[label].settings


def test_pickle_of_a_closure_computes():
    power = 3
    copy = cloudpickle.loads(cloudpickle.dumps(numgrad.grad(lambda x: x**power)))
    assert copy(2.0) == 12.0


def test_copies_compute():
    x = np.linspace(0.0, 1.0, 5)
    copy = pickle.loads(pickle.dumps(TRANSFORMS["grad(rosenbrock)"]))
    np.testing.assert_allclose(copy(x), rosenbrock_gradient(x), rtol=1e-13)


def test_a_plain_function_is_compiled_once():
    def f(x):
        return x

    assert compiled(f) is compiled(f)
    assert compiled(wave) is wave


def test_first_compilation_on_eight_threads():
    @njit
    def f(x):
        return x * x * x

    derive = numgrad.derivative(f)
    results, barrier = [], threading.Barrier(8)

    def work():
        barrier.wait()
        results.append(derive(2.0))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [12.0] * 8


def test_importing_names_loads_no_numba():
    program = (
        "import sys, numgrad; numgrad.gradient, numgrad.Dual, numgrad.rule;"
        "assert 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_functions_of_numpy_and_math():
    """They are functions as the user's own are, from Python and in compiled code."""
    x = np.linspace(-1.0, 1.0, 5)
    np.testing.assert_allclose(numgrad.derivative(np.sin)(x), np.cos(x), rtol=1e-15)
    assert numgrad.derivative(math.exp)(1.0) == math.e
    np.testing.assert_allclose(numgrad.grad(np.arctan2, (0, 1))(1.0, 2.0), (0.4, -0.2), rtol=1e-15)
    slope = njit(lambda x: numgrad.derivative(np.sin)(x))
    assert slope(0.0) == 1.0
    assert repr(numgrad.derivative(np.sin)) == "<numgrad.derivative(sin)>"
