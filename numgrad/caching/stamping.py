"""The stamps that keep derivatives in Numba's caches from going stale.

The machine code of a derivative carries a stamp (`numgrad.targets.stamps`) with a digest of every
function it was made from. Where Numba saves a function that the code is linked into, the stamp
takes down a digest of that function, the one that a program calls: what its names stand for, in
whatever file, with the rules in force. Where Numba loads it, the digest must be the same again.

A function is not kept at all (its stamp is stale at once) where

- something it is made of can't be described (`contents.NoDigestError`),
- a derivative in it was made of what the function no longer leads to: a global that changed after
  the derivative was compiled, a function that was picked while numgrad compiled,
- code is linked into it from a function that the digest knows nothing of, such as one that a
  program gave Numba for the methods of a type,
- functions in it call themselves with other types, or one another: Numba finds the addresses of
  such calls when it compiles, and never again for what comes from a cache.
"""

import hashlib
import os
import warnings
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

from numba.core.caching import FunctionCache
from numba.core.codegen import RuntimeLinker
from numba.core.dispatcher import Dispatcher
from numba.np.ufunc.wrappers import GufWrapperCache

from numgrad.caching.contents import Contents, Part, users_rule, without_names
from numgrad.caching.frozen import has_changed
from numgrad.caching.known import NoDigestError, is_known_module, known_name, mangled
from numgrad.rules import registry
from numgrad.targets.names import number_of
from numgrad.targets.stamps import StaleError, loading, mark, package, saving


class Memory:
    """A memory of functions, weak where Python allows it."""

    def __init__(self):
        self._weak: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
        self._strong: dict[Any, Any] = {}

    def setdefault(self, function, value):
        try:
            return self._weak.setdefault(function, value)
        except TypeError:  # a builtin function or a ufunc
            return self._strong.setdefault(function, value)

    def __contains__(self, function):
        return function in self._weak or function in self._strong


_first = Memory()  # functions as they were when they were first differentiated
_loaded = Memory()  # functions that derivatives from caches were made from
_begun: list[bool] = []  # whether Numba has learned about numbers
_late_rules: list[Any] = []  # functions that got a rule after Numba had learned about duals


class Stamp:
    """The stamp of the machine code of derivatives.

    ``origins`` are digests of the functions differentiated: none for code that only adds up duals
    by the rules, and None itself for code that must not be kept.
    """

    def __init__(self, origins=()):
        self.origins = origins

    def __reduce__(self):
        cache, saved = saving()
        digest = None
        if cache is not None:
            try:
                self.check()
                digest = digest_of_saved(cache._py_func, saved, self.origins)
            except NoDigestError:
                if not isinstance(cache, FunctionCache):  # one of our own, which then keeps nothing
                    raise
            if isinstance(cache, FunctionCache):
                forget_loops(cache._py_func)
        return restored, (self.origins, package(), digest)

    def check(self):
        """Raise if the rules in force now may not be those that were followed."""
        if self.origins is None:
            raise NoDigestError("a derivative was made from what can't be told")
        if not self.origins and _late_rules:
            raise NoDigestError("rules came after the first use of duals")


FOLLOWS_RULES = Stamp()


def restored(origins, made_by, digest):
    """Return the stamp of machine code that Numba loads, unless it is stale."""
    cache = loading()
    if cache is not None:
        if digest is None or made_by != package():
            raise StaleError("this machine code was not to be kept")
        contents = Contents()
        if digest != digest_or_none(contents, cache._py_func):
            raise StaleError("this machine code was made from other functions")
        remember(contents, cache._py_func, origins)
    return Stamp(origins) if origins else FOLLOWS_RULES


def digest_or_none(contents, function):
    try:
        return whole_digest(contents, function)
    except NoDigestError:
        return None


def whole_digest(contents, function):
    """Return a digest of a function and of the rules that no name in it leads to."""
    digest = hashlib.sha256(contents.digest(function).encode())
    for name, body in without_names():
        digest.update(f"{name} {contents.digest(body)}".encode())
    return digest.hexdigest()


def digest_of_saved(function, saved, origins):
    """Return the digest of a function that Numba saves, if that tells all it depends on."""
    contents = Contents()
    parts = contents.parts(function)
    names = [name for part in parts for name in part.names]
    for _, body in without_names():
        names += [name for part in contents.parts(body) for name in part.names]
    if not lead_to(contents, parts, origins) or not all_from(saved[-1], mangled(names)):
        raise NoDigestError(f"{function} is linked with code from elsewhere")
    if has_unresolved_calls(saved[0]):
        raise NoDigestError(f"{function} would jump to no address")
    for number in map(number_of, saved[-1]):
        if number is None:
            raise NoDigestError(f"code in {function} has a name that other processes give")
        if has_changed(number):
            raise NoDigestError(f"what a name in {function} stands for has changed")
    return whole_digest(contents, function)


def lead_to(contents, parts, origins):
    """Whether all functions differentiated are among some parts, or defined in them."""
    missing = set(origins)
    for part in parts:
        if missing:
            missing.discard(contents.digest(part.thing))
            missing.difference_update(map(digest_of_code, part.codes[1:]))
    return not missing


def digest_of_code(code):
    """Return a digest of a function that closes over nothing and has no defaults."""
    part = Part(code)
    Contents().write_code(code, part, "")
    return hashlib.sha256(part.text.encode("utf-8", "surrogatepass")).hexdigest()


def code_within_another(function):
    """Return the code of a function that Numba made where a program defines it in another."""
    function = getattr(function, "py_func", None)
    code = getattr(function, "__code__", None)
    if code is None or not function.__qualname__.startswith("closure.<locals>."):
        return None
    return None if code.co_freevars or function.__defaults__ else code


def has_unresolved_calls(library):
    """Whether the machine code of a library has calls of which Numba finds the addresses."""
    _, _, (code, _) = library
    return RuntimeLinker.PREFIX.encode() in code


def all_from(environments, beginnings):
    """Whether what is linked into a function was compiled from known functions."""
    return all(
        is_known_module(environment.globals["__name__"])
        or environment.env_name.startswith(beginnings)
        for environment in environments
    )


def stamp_for(functions):
    """Return the stamp of a derivative of some functions, and of what they call, as they are."""
    contents, origins = Contents(), []
    try:
        for function in functions:
            if known_name(function) and users_rule(function) is None:
                continue  # the version of its package says what it is
            for part in contents.parts(function):
                check_unchanged(part)
            code = code_within_another(function)
            origins.append(digest_of_code(code) if code else contents.digest(function))
        check_rules_unchanged(contents)
    except NoDigestError:
        return Stamp(None)
    return Stamp(tuple(origins))


def check_unchanged(part):
    """Raise unless a function is what it was when it was first compiled on duals."""
    now = part.text, tuple(map(id, part.children))
    if _first.setdefault(part.thing, now) != now:
        raise NoDigestError(f"{part.thing} has changed since it was compiled")


def check_rules_unchanged(contents):
    """Raise unless the rules for operators and the like are those of the first derivative."""
    now = [(name, contents.digest(body)) for name, body in without_names()]
    if _first.setdefault(registry.rule, now) != now:
        raise NoDigestError("a rule came after the first derivative")


def remember(contents, function, origins):
    """Remember which functions a loaded derivative was made from."""
    for part in contents.parts(function):
        if contents.digest(part.thing) in origins:
            for inner in contents.parts(part.thing):
                _loaded.setdefault(inner.thing, True)


def begin():
    """Take rules that come from now on for late, where code on duals may have followed others."""
    _begun.append(True)


def warn_if_loaded(function):
    """Warn that a new rule is none for what was loaded before it."""
    if _begun and not isinstance(function, Dispatcher):  # of which only twins follow the rule
        _late_rules.append(function)
    if function in _loaded:
        warn_late(function)


def warn_late(function):
    """Warn that a rule is late; it is stated three calls up."""
    name = getattr(function, "__name__", function)
    warnings.warn(
        f"the rule for {name} comes after derivatives of functions that call it were compiled: "
        "those go on without it. State rules before the first derivative is taken",
        stacklevel=4,
    )


registry.listeners.append(warn_if_loaded)


def forget_loops(function):
    """Forget the loops of ``guvectorize`` around an older function: no stamp is kept with them."""
    with suppress(RuntimeError):  # no folder for a cache
        cache = GufWrapperCache(py_func=function)
        if os.path.exists(cache._cache_file._index_path):
            cache.flush()


follow_rules = mark(FOLLOWS_RULES)
