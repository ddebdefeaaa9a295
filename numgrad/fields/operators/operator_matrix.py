"""``numgrad.operator_matrix``."""

import math
from collections.abc import Callable
from typing import Any

from numgrad.fields.matrix import entries_of
from numgrad.fields.operators.curl import curl
from numgrad.fields.operators.differentiate import differentiate
from numgrad.fields.operators.divergence import divergence
from numgrad.fields.operators.gradient import gradient
from numgrad.fields.operators.laplacian import laplacian
from numgrad.fields.terms import (
    Formula,
    Options,
    of_curl,
    of_differentiate,
    of_divergence,
    of_gradient,
    of_laplacian,
)

NEED_SCIPY = (
    "operator_matrix makes arrays of scipy.sparse, which isn't installed: pip install scipy"
)


def operator_matrix(
    operator: Callable[..., Any], shape: int | tuple[int, ...], *varargs: Any, **keywords: Any
) -> Any:
    """Return an operator on fields of some shape as a sparse matrix, as implicit solvers need it.

    Parameters
    ----------
    operator : function
        One of `numgrad.differentiate`, `numgrad.gradient`, `numgrad.laplacian`,
        `numgrad.divergence` and `numgrad.curl`.
    shape : int or tuple of ints
        The shape of a field, or of a component.
    *varargs, **keywords
        The operator's own: spacings, ``axis``, ``order``, ``accuracy``, ``boundary``, ``period``,
        ``scale_factors``.

    Returns
    -------
    scipy.sparse.csr_array
        The matrix that makes of the raveled field (of the components, one after the other) the
        raveled result (or the results, one after the other).

    Raises
    ------
    ModuleNotFoundError
        If SciPy isn't installed.
    TypeError
        If `operator` is none of these, or a keyword isn't one that a matrix has.
    ValueError
        If a boundary is a constant other than 0, which no matrix adds; otherwise as the operator.

    Examples
    --------
    >>> import numgrad
    >>> numgrad.operator_matrix(numgrad.laplacian, 4, boundary=("constant", 0)).toarray()
    array([[-2.,  1.,  0.,  0.],
           [ 1., -2.,  1.,  0.],
           [ 0.,  1., -2.,  1.],
           [ 0.,  0.,  1., -2.]])

    A step of the heat equation, implicitly:

    >>> import numpy as np
    >>> from scipy.sparse import eye_array
    >>> from scipy.sparse.linalg import spsolve
    >>> heat = np.array([0.0, 0.0, 1.0, 0.0, 0.0])
    >>> matrix = numgrad.operator_matrix(numgrad.laplacian, 5, boundary="symmetric")
    >>> spsolve((eye_array(5) - 0.5 * matrix).tocsc(), heat).sum().round(12)
    np.float64(1.0)
    """
    try:
        from scipy.sparse import coo_array
    except ImportError as error:
        raise ModuleNotFoundError(NEED_SCIPY) from error
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    formula = _formula(operator, shape, varargs, keywords)
    size = math.prod(shape)
    components = 1 + max(part.component for parts in formula.outputs for part in parts)
    rows, columns, values = entries_of(formula, shape)
    whole = len(formula.outputs) * size, components * size
    return coo_array((values, (rows, columns)), shape=whole).tocsr()


def _formula(
    operator: Any, shape: tuple[int, ...], varargs: tuple[Any, ...], keywords: dict[str, Any]
) -> Formula:
    """Give the formula of an operator with its own keywords."""
    defaults: dict[str, Any]
    if operator is differentiate:
        defaults = {"x": 1.0, "axis": -1, "order": 1, "accuracy": 2}
        if len(varargs) > 1:
            raise TypeError(f"differentiate takes one spacing, not {len(varargs)}")
        keywords = {"x": varargs[0], **keywords} if varargs else keywords
    elif operator is gradient:
        defaults = {"axis": None, "edge_order": 1, "scale_factors": None}
    elif operator in (laplacian, divergence, curl):
        defaults = {"axis": None, "accuracy": 2, "scale_factors": None}
    else:
        raise TypeError(
            "operator must be one of numgrad.differentiate, gradient, laplacian, divergence and "
            f"curl, not {operator!r}"
        )
    if operator is not gradient:
        defaults |= {"boundary": "one-sided", "period": None}
    unknown = set(keywords) - set(defaults)
    if unknown:
        raise TypeError(
            f"{operator.__name__} as a matrix takes the keywords {', '.join(sorted(defaults))}, "
            f"not {', '.join(sorted(unknown))}"
        )
    given = defaults | keywords
    if operator is differentiate:
        return of_differentiate(shape, **given)
    edge_order = given.pop("edge_order", 1)
    options = Options(varargs, **{"accuracy": 2, "boundary": "one-sided", "period": None} | given)
    if operator is gradient:
        return of_gradient(shape, options, edge_order)
    if operator is laplacian:
        return of_laplacian(shape, options)
    count = len(options.grid(shape))
    return (of_divergence if operator is divergence else of_curl)(shape, count, options)
