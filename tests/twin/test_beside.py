"""What is made of a function is garbage when the function is."""

import gc
import pickle
from weakref import ref

import numpy as np
import pytest
from numba import njit

import numgrad
from numgrad.transforms.made import _made
from numgrad.twin.beside import ATTRIBUTE, Beside
from numgrad.twin.twin import twin_of

X = np.array([1.0, 2.0])


@pytest.fixture(autouse=True, scope="module")
def what_was_there_before():
    """Left alone by all collections here: looking through all that a worker has takes seconds."""
    gc.collect()
    gc.freeze()


def squares():
    factor = np.float64(1.5)
    return lambda x: (x * x).sum() * factor


def collect():
    """Collect garbage until what Numba lets go of when a function is garbage is so, too."""
    while gc.collect():
        pass


MADE = {
    "gradient": lambda f: numgrad.grad(f)(X),
    "backward": lambda f: numgrad.grad(f, mode="reverse")(X),
    "gradient and its Jacobian": lambda f: numgrad.jacobian(numgrad.grad(f))(X),
    "Hessian": lambda f: numgrad.hessian(f)(X),
    "map": lambda f: numgrad.vmap(f)(X[:, None]),
    "product": lambda f: numgrad.jvp(f, (X,), (X,)),
    "repeated": lambda f: numgrad.grad(numgrad.checkpoint(f))(X),
    "within a compiled function": lambda f: numgrad.grad(njit(lambda x: f(x)))(X),
}


@pytest.mark.parametrize("made", MADE.values(), ids=list(MADE))
def test_a_compiled_function_is_freed_with_what_is_made_of_it(made):
    f = njit(squares())
    made(f)
    known = ref(f)
    del f
    collect()
    assert known() is None


def test_a_plain_function_is_freed_once_it_is_no_more_among_the_last():
    f = squares()
    numgrad.grad(f)(X)
    known = ref(f)
    del f
    _made.cache_clear()
    collect()
    assert known() is None


def test_one_transform_a_function():
    f = njit(squares())
    assert numgrad.grad(f) is numgrad.grad(f)
    assert numgrad.grad(f) is not numgrad.grad(f, argnums=(0,))
    assert twin_of(f) is twin_of(f)


def test_kept_beside():
    kept, f = Beside("sample"), njit(squares())
    assert f not in kept
    assert kept.get(f) is None
    assert kept.setdefault(f, 1) == kept.setdefault(f, 2) == kept[f] == 1
    kept[f] = 3
    assert f in kept
    assert kept.pop(f) == 3
    assert f not in kept
    assert squares not in kept  # nothing is kept on functions of Python's
    assert kept.get(squares, 5) == 5


def test_nothing_is_made_of_what_wraps_a_function():
    f, g = njit(squares()), njit(squares())
    twin = twin_of(f)
    vars(g)[ATTRIBUTE] = vars(f)[ATTRIBUTE]  # as functools.wraps and njit copy it
    assert twin_of(g) is not twin
    assert twin_of(g) is twin_of(g)
    assert twin_of(f) is twin


def test_nothing_made_of_a_function_is_pickled_with_what_wraps_it():
    f = njit(lambda x: x * x)
    Beside("sample")[f] = lambda: None
    kept = vars(f)[ATTRIBUTE]
    assert pickle.loads(pickle.dumps(kept)) == {}
