"""The comparisons of autograd's tests: numgrad's derivatives with differences of values."""

import itertools
import os
import traceback

import numpy as np

import numgrad

COUNTS = {"calls": 0, "comparisons": 0, "compiled": 0, "not compiled": 0}
TOLERANCE = 1e-5
COMPILED = int(os.environ.get("AUTOGRADS_COMPILED", "0"))  # how many functions of each test
left_to_compile = [0]


class WrongError(AssertionError):
    """A derivative that is not the one of differences."""


class RefusedError(Exception):
    """What has no derivative by numgrad."""


# Structures are tuples here


def arranged(value):
    """Take lists and dictionaries as tuples."""
    if isinstance(value, dict):
        return tuple(arranged(value[key]) for key in sorted(value))
    if isinstance(value, list | tuple):
        return tuple(map(arranged, value))
    return value


def form_of(value, like):
    """Give a tuple the form of a list or dictionary."""
    if isinstance(like, dict):
        return {k: form_of(v, like[k]) for k, v in zip(sorted(like), value, strict=True)}
    if isinstance(like, list | tuple):
        return type(like)(form_of(v, each) for v, each in zip(value, like, strict=True))
    return value


def chosen(arguments, argnum):
    """Return which arguments are differentiated by, as tuples and floats, and if it is one."""
    single = isinstance(argnum, int)
    by = (argnum,) if single else tuple(argnum)
    return by, tuple(arranged(arguments[k]) for k in by), single


def function_of(f, arguments, by, keywords):
    """Return a function of what is differentiated by."""

    def of_these(*points):
        given = list(arguments)
        for k, point in zip(by, points, strict=True):
            given[k] = form_of(point, arguments[k])
        return arranged(f(*given, **keywords))

    return of_these


def compiled_function_of(f, arguments, by, keywords):
    """Return the same for Numba, which knows neither keywords at large nor generators."""
    names = [f"x{k}" for k in by]
    given = [f"x{k}" if k in by else f"a{k}" for k in range(len(arguments))]
    known = {f"a{k}": each for k, each in enumerate(arguments)} | {"f": f}
    stated = [f"{k}={_literal(k, v, known)}" for k, v in keywords.items()]
    lines = [f"def of_these({', '.join(names)}):", f"    return f({', '.join(given + stated)})"]
    exec("\n".join(lines), known)
    return known["of_these"]


def _literal(name, value, known):
    if isinstance(value, int | str | bool | type(None)):
        return repr(value)
    known[f"k_{name}"] = value
    return f"k_{name}"


# Numbers and structures of them


def _leaves(value):
    return itertools.chain(*map(_leaves, value)) if isinstance(value, tuple) else iter((value,))


def _moved(value, along, step):
    if isinstance(value, tuple):
        return tuple(_moved(v, a, step) for v, a in zip(value, along, strict=True))
    return value + step * along


def _direction(value, random):
    if isinstance(value, tuple):
        return tuple(_direction(each, random) for each in value)
    drawn = random.standard_normal(np.shape(value))
    if np.iscomplexobj(value):
        drawn = drawn + 1j * random.standard_normal(np.shape(value))
    return drawn if np.shape(value) else np.asarray(drawn).item()


def _inner(a, b):
    """The real part of the sum of products, as numgrad's products of cotangents have it."""
    return sum(
        float(np.real(np.sum(np.asarray(x) * np.asarray(y))))
        for x, y in zip(_leaves(a), _leaves(b), strict=True)
        if x is not None and y is not None
    )


def is_close(a, b, tolerance=TOLERANCE):
    a, b = np.asarray(a), np.asarray(b)
    scale = 1.0 + max(np.max(np.abs(a), initial=0.0), np.max(np.abs(b), initial=0.0))
    return a.shape == b.shape and bool(np.all(np.abs(a - b) <= tolerance * scale))


def check_equivalent(a, b):
    for x, y in zip(_leaves(arranged(a)), _leaves(arranged(b)), strict=True):
        if not is_close(x, y):
            raise WrongError(f"{x} and {y} differ")


def _numbers(value):
    """Return the numbers of a structure in a row."""
    leaves = [np.ravel(np.asarray(each)) for each in _leaves(value) if each is not None]
    return np.concatenate(leaves) if leaves else np.zeros(0)


def _differences(f, points, along):
    """Yield the derivative along a direction as differences of values have it: of several steps."""
    for step in (1e-3, 1e-5, 1e-7):  # where a kink is near, a short one
        near, far = (
            _numbers(f(*_moved(points, along, step * k)))
            - _numbers(f(*_moved(points, along, -step * k)))
            for k in (1, 2)
        )
        yield (8.0 * near - far) / (12.0 * step)


def _compare(what, numbers, f, points, along):
    COUNTS["comparisons"] += 1
    numbers = np.asarray(numbers)
    differences = list(_differences(f, points, along))
    if not any(is_close(numbers, each) for each in differences):
        at = f"at {points} along {along}"
        raise WrongError(f"{what}: {numbers}, and by differences {differences} {at}")


def _or_refused(run):
    try:
        return run()
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise RefusedError(
            f"{type(error).__name__}: {str(error)[:300]} [{last.filename}:{last.lineno}]"
        ) from error


def _floats(point):
    if isinstance(point, tuple):
        return tuple(map(_floats, point))
    if np.asarray(point).dtype.kind in "iub":
        return np.asarray(point, float) if np.ndim(point) else float(point)
    return point


def _with_derivatives(value, like):
    """Keep what is no whole number, for which there is no derivative."""
    return tuple(
        v
        for v, k in zip(_leaves(value), _leaves(like), strict=True)
        if v is not None and np.asarray(k).dtype.kind in "fc"
    )


def check_grads(f, argnum=0, modes=("fwd", "rev"), order=2):
    """Compare all derivatives up to an order: forward, backward, each of itself."""

    def check(*arguments, **keywords):
        COUNTS["calls"] += 1
        by, points, _ = chosen(arguments, argnum)
        points = _floats(points)
        g = function_of(f, arguments, by, keywords)
        check_at(g, points, modes, 2 if order > 1 else 1)
        if left_to_compile[0]:
            left_to_compile[0] -= 1
            check_compiled(g, compiled_function_of(f, arguments, by, keywords), points, modes)

    return check


def check_compiled(g, h, points, modes):
    """Compare first derivatives of the compiled function, if it can be compiled."""
    try:
        check_at(g, points, modes, 1, h)
        COUNTS["compiled"] += 1
    except RefusedError as error:
        COUNTS["not compiled"] += 1
        if os.environ.get("AUTOGRADS_SHOWN"):
            print(h.__globals__["f"], error)


def check_at(g, points, modes, order, compiled=None):
    random = np.random.default_rng(len(points))
    value = g(*points)
    v, w = _direction(points, random), _direction(points, random)
    cotangent = _direction(value, random)
    jit = compiled is not None
    h = compiled if jit else g

    def values(*at):
        return _with_derivatives(g(*at), value)

    if "fwd" in modes:
        got, tangents = _or_refused(lambda: numgrad.jvp(h, points, v, jit=jit))
        _check_values(got, value)
        _compare("jvp", _numbers(_with_derivatives(tangents, value)), values, points, v)
        if order > 1 and not jit:

            def slope(*at):
                return numgrad.jvp(g, at, v, jit=False)[1]

            def slopes(*at):
                return _with_derivatives(slope(*at), value)

            second = _or_refused(lambda: numgrad.jvp(slope, points, w, jit=False)[1])
            numbers = _numbers(_with_derivatives(second, value))
            _compare("jvp of jvp", numbers, slopes, points, w)
    if "rev" in modes:
        got, products = _or_refused(lambda: numgrad.vjp(h, points, cotangent, jit=jit))
        _check_values(got, value)
        weighted = _weighted(values, cotangent, value)
        _compare("vjp", [_inner(products, v)], weighted, points, v)
        if order > 1 and not jit:

            def along(*at):
                products = numgrad.vjp(g, at, cotangent, jit=False)[1]
                return sum(
                    np.real(np.sum(x * y))
                    for x, y in zip(_leaves(products), _leaves(v), strict=True)
                )

            second = _or_refused(lambda: numgrad.vjp(along, points, 1.0, jit=False)[1])
            _compare("vjp of vjp", [_inner(second, w)], along, points, w)


def _weighted(values, cotangent, value):
    weights = _with_derivatives(cotangent, value)
    return lambda *at: _inner(weights, values(*at))


def _check_values(got, value):
    for x, y in zip(_leaves(arranged(got)), _leaves(value), strict=True):
        if not is_close(x, y, 1e-12):
            raise WrongError(f"the value is {x} and not {y}")


def combo_check(f, *settings, **more):
    check = check_grads(f, *settings, **more)

    def over(*arguments, **keywords):
        stated = [[(k, each) for each in choices] for k, choices in keywords.items()]
        for given in itertools.product(*arguments):
            for words in itertools.product(*stated):
                check(*given, **dict(words))

    return over
