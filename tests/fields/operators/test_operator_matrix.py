import sys

import numpy as np
import pytest

import numgrad

GENERATOR = np.random.default_rng(3)
X = np.cumsum(GENERATOR.uniform(0.5, 1.5, 7))
CASES = [
    (numgrad.differentiate, 1, (X,), {"axis": 0, "order": 3}),
    (numgrad.differentiate, 1, (), {"accuracy": 4, "boundary": ("reflect", "one-sided")}),
    (numgrad.gradient, 1, (X, 0.5), {"edge_order": 2}),
    (numgrad.laplacian, 1, (X, 0.3), {"boundary": ("one-sided", "wrap")}),
    (numgrad.laplacian, 1, (0.2, 0.3), {"boundary": ("antireflect", ("constant", 0))}),
    (numgrad.laplacian, 1, (X, 0.3), {"scale_factors": (1.0, X[:, None], X[:, None])}),
    (numgrad.laplacian, 1, (0.1, 0.3), {"scale_factors": (1.0, X[:, None]), "accuracy": 4,
                                        "boundary": ("symmetric", "wrap")}),
    (numgrad.divergence, 2, (X, 0.3), {"scale_factors": (1.0, X[:, None])}),
    (numgrad.curl, 2, (X, 0.3), {"boundary": "antisymmetric", "accuracy": 4}),
]  # fmt: skip


@pytest.mark.parametrize(("operator", "components", "varargs", "keywords"), CASES)
def test_it_is_the_operator(operator, components, varargs, keywords):
    f = GENERATOR.normal(size=(components, 7, 8))
    matrix = numgrad.operator_matrix(operator, (7, 8), *varargs, **keywords)
    result = operator(f[0] if components == 1 else f, *varargs, **keywords)
    np.testing.assert_allclose(matrix @ f.ravel(), np.ravel(result), rtol=1e-10, atol=1e-12)
    assert matrix.nnz < 56 * components * 40


def test_three_components():
    f = GENERATOR.normal(size=(3, 5, 6, 7))
    matrix = numgrad.operator_matrix(numgrad.curl, (5, 6, 7))
    np.testing.assert_allclose(matrix @ f.ravel(), np.ravel(numgrad.curl(f)), atol=1e-12)


def test_what_is_no_matrix():
    with pytest.raises(ValueError, match="adds something that no matrix does"):
        numgrad.operator_matrix(numgrad.laplacian, 5, boundary=("constant", 1.0))
    with pytest.raises(TypeError, match="operator must be one of"):
        numgrad.operator_matrix(np.gradient, 5)
    with pytest.raises(TypeError, match=r"as a matrix takes the keywords .*, not nan"):
        numgrad.operator_matrix(numgrad.laplacian, 5, nan="one-sided")
    with pytest.raises(TypeError, match="differentiate takes one spacing, not 2"):
        numgrad.operator_matrix(numgrad.differentiate, (5, 5), 1.0, 2.0)


def test_without_scipy(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.sparse", None)
    with pytest.raises(ModuleNotFoundError, match=r"scipy\.sparse, which isn't installed"):
        numgrad.operator_matrix(numgrad.laplacian, 5)
