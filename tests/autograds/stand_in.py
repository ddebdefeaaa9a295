"""Modules by the names of autograd's, made of numgrad and NumPy, for autograd's own tests.

Its tests import these instead of autograd. Lists and dictionaries that are differentiated by or
returned are taken as tuples, which is how numgrad has them.
"""

import importlib
import sys
import types

import numpy as np
import scipy

import numgrad
from numgrad.tracer.numbers import has_traced
from tests.autograds import checking
from tests.autograds.checking import COUNTS, arranged, chosen, form_of, function_of


def grad(f, argnum=0):
    """The product of the value's own 1 with the Jacobian, which is what autograd's grad is."""
    return _of_arguments(f, argnum, lambda vjp, value: vjp(_ones(value)))


elementwise_grad = holomorphic_grad = grad


def value_and_grad(f, argnum=0):
    return _of_arguments(f, argnum, lambda vjp, value: (value, vjp(_ones(value))))


def make_vjp(f, argnum=0):
    return _of_arguments(f, argnum, lambda vjp, value: (vjp, value))


def _of_arguments(f, argnum, result):
    def transform(*arguments, **keywords):
        COUNTS["calls"] += 1
        by, points, single = chosen(arguments, argnum)
        g = function_of(f, arguments, by, keywords)
        value = g(*points)

        def vjp(cotangent):
            products = numgrad.vjp(g, points, cotangent, jit=False)[1]
            back = tuple(
                form_of(product, arguments[k]) for product, k in zip(products, by, strict=True)
            )
            return back[0] if single else back

        return result(vjp, value)

    return transform


def _ones(value):
    if isinstance(value, tuple):
        return tuple(map(_ones, value))
    one = 1.0 + 0.0j if np.iscomplexobj(value) else 1.0
    return np.full(np.shape(value), one) if np.ndim(value) else one


def make_jvp(f, argnum=0):
    def at(*arguments, **keywords):
        COUNTS["calls"] += 1
        by, points, single = chosen(arguments, argnum)
        g = function_of(f, arguments, by, keywords)

        def jvp(tangents):
            tangents = (tangents,) if single else tangents
            return numgrad.jvp(g, points, tuple(map(arranged, tangents)), jit=False)

        return jvp

    return at


def deriv(f, argnum=0):
    def derivative(*arguments, **keywords):
        _, points, _ = chosen(arguments, argnum)
        return make_jvp(f, argnum)(*arguments, **keywords)(_ones(points[0]))[1]

    return derivative


def jacobian(f, argnum=0):
    def transform(*arguments, **keywords):
        COUNTS["calls"] += 1
        by, points, single = chosen(arguments, argnum)
        g = function_of(f, arguments, by, keywords)
        return numgrad.jacobian(g, argnums=tuple(range(len(by))) if not single else 0, jit=False)(
            *points
        )

    return transform


def hessian(f, argnum=0):
    return jacobian(jacobian(f, argnum), argnum)


def make_hvp(f, argnum=0):
    return make_vjp(grad(f, argnum), argnum)


def hessian_tensor_product(f, argnum=0):
    of_gradient = grad(f, argnum)

    def along(*arguments, **keywords):
        *arguments, vector = arguments
        return np.tensordot(of_gradient(*arguments, **keywords), vector, np.ndim(vector))

    return grad(along, argnum)


def tensor_jacobian_product(f, argnum=0):
    def along(*arguments, **keywords):
        *arguments, vector = arguments
        return np.tensordot(vector, f(*arguments, **keywords), axes=np.ndim(vector))

    return jacobian(along, argnum)


def grad_and_aux(f, argnum=0):
    def transform(*arguments, **keywords):
        aux = f(*arguments, **keywords)[1]
        return grad(lambda *a, **k: f(*a, **k)[0], argnum)(*arguments, **keywords), aux

    return transform


def make_ggnvp(f, g=lambda x: 0.5 * np.sum(x**2, axis=-1), f_argnum=0):
    def at(*arguments, **keywords):
        vjp, value = make_vjp(f, f_argnum)(*arguments, **keywords)
        jvp = make_jvp(f, f_argnum)(*arguments, **keywords)
        return lambda v: vjp(make_hvp(g)(value)[0](jvp(v)[1]))

    return at


def checkpoint(f):
    return numgrad.checkpoint(f)


def flatten(value):
    """The numbers of a structure in a row, and the way back."""
    parts = list(_parts(value))
    flat = np.concatenate([np.ravel(part) for part in parts]) if parts else np.zeros(0)

    def unflatten(vector):
        sizes = np.cumsum([0, *(np.size(part) for part in parts)])
        pieces = iter(
            [
                np.reshape(vector[a:b], np.shape(part)) if np.ndim(part) else vector[a]
                for part, a, b in zip(parts, sizes, sizes[1:], strict=True)
            ]
        )
        return _refilled(value, pieces)

    return flat, unflatten


def _parts(value):
    if isinstance(value, dict):
        for key in sorted(value):
            yield from _parts(value[key])
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _parts(each)
    else:
        yield value


def _refilled(value, pieces):
    if isinstance(value, dict):
        return {key: _refilled(value[key], pieces) for key in sorted(value)}
    if isinstance(value, list | tuple):
        return type(value)(_refilled(each, pieces) for each in value)
    return next(pieces)


def _module(name, **names):
    module = types.ModuleType(name)
    vars(module).update(names)
    module.__path__ = []
    return module


TRANSFORMS = {
    f.__name__: f
    for f in (
        grad,
        value_and_grad,
        make_vjp,
        make_jvp,
        deriv,
        jacobian,
        hessian,
        make_hvp,
        hessian_tensor_product,
        tensor_jacobian_product,
        grad_and_aux,
        make_ggnvp,
        checkpoint,
    )
} | {"elementwise_grad": grad, "holomorphic_grad": grad}
BUILTINS = {"tuple": tuple, "list": list, "dict": dict, "isinstance": isinstance}


def install():
    """Let `import autograd` find the modules made here."""
    names = {
        "autograd": _module("autograd", **TRANSFORMS, **BUILTINS),
        "autograd.builtins": _module("autograd.builtins", **BUILTINS),
        "autograd.misc": _module("autograd.misc", flatten=flatten),
        "autograd.numpy": np,
        "autograd.numpy.linalg": np.linalg,
        "autograd.numpy.random": np.random,
        "autograd.scipy": scipy,
        "autograd.test_util": _module(
            "autograd.test_util",
            check_grads=checking.check_grads,
            combo_check=checking.combo_check,
            check_equivalent=checking.check_equivalent,
            scalar_close=checking.is_close,
        ),
        "autograd.tracer": _module("autograd.tracer", isbox=has_traced),
    }
    for part in ("integrate", "linalg", "signal", "special", "stats"):
        names[f"autograd.scipy.{part}"] = importlib.import_module(f"scipy.{part}")
    names["autograd.scipy.stats.multivariate_normal"] = scipy.stats.multivariate_normal
    sys.modules.update(names)
    for name, module in names.items():
        parent, _, last = name.rpartition(".")
        if parent in names and not hasattr(names[parent], last):
            setattr(names[parent], last, module)
