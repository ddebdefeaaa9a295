"""Derivatives that Python calls, kept on disk from process to process.

What a derivative compiled to is found by a key: a digest of all that it was made from. That is the
function with all that it leads to (`numgrad.caching.contents`), the types of the arguments, the
rules in force, the settings, the versions of what compiles, and the processor. The stamps of
the machine code are checked beside that where it is saved (`numgrad.caching.stamping`): a
derivative that may not follow from what its key tells is not kept.
"""

import hashlib
import pickle
from typing import Any

from numba import config
from numba.core.caching import Cache

from numgrad.caching import folder, switch
from numgrad.caching.contents import Contents, describe
from numgrad.caching.known import NoDigestError
from numgrad.caching.references import ReferringPickler, functions_of, loaded_from, pickled_by
from numgrad.caching.stamping import whole_digest
from numgrad.targets import objects
from numgrad.targets.stamps import package

# Settings of Numba's that machine code doesn't depend on: folders, what is shown, and threads
IRRELEVANT = (
    "CACHE",
    "CHROME",
    "COLOR",
    "CUDA",
    "DEBUG_CACHE",
    "DIFF_IR",
    "DISABLE_CUDA",
    "DUMP",
    "FULL_TRACEBACKS",
    "HIGHLIGHT",
    "HTML",
    "NUMBA_",
    "SHOW_HELP",
    "THREADING_LAYER",
    "TRACE",
)


class Call:
    """A derivative and the types of its arguments: all that one piece of machine code is for."""

    def __init__(self, transform: Any, hint: Any, kinds: tuple[Any, ...]) -> None:
        self.transform, self.hint, self.kinds = transform, hint, kinds

    @property
    def label(self) -> str:
        return f"{self.transform.label()} of {', '.join(map(str, self.kinds))}"


@describe.register(Call)
def describe_call(call, contents, part):
    part.texts.append("call")
    contents.write((call.hint, call.kinds), part)
    part.children.append(call.transform)


def settings() -> list[str]:
    """The settings of Numba's that machine code may depend on."""
    return [
        f"{name} {value!r}"
        for name, value in sorted(vars(config).items())
        if name.isupper() and not name.startswith(IRRELEVANT)
    ]


def key_of(call: Call, codegen: Any) -> bytes:
    """Return the key of the machine code of a derivative."""
    parts = package(), codegen.magic_tuple(), settings(), whole_digest(Contents(), call)
    return hashlib.sha256(repr(parts).encode()).digest()


class DerivativeCache(Cache):
    """The cache of a function that Python calls for a derivative."""

    def __init__(self, transform: Any, hint: Any, functions: Any) -> None:
        self._py_func: Any = None  # where stamps look for what is saved or loaded
        self.transform, self.hint, self.functions = transform, hint, functions
        self._keys: dict[Any, bytes] = {}  # of what was not found
        self.enable()

    @property
    def cache_path(self) -> str:
        return str(folder.folder())

    def flush(self) -> None:
        """Numba asks for it where a function is compiled anew: other processes keep theirs."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        if not (self._enabled and switch.is_on(self.functions)):
            return None
        self._py_func = Call(self.transform, self.hint, tuple(sig))
        try:
            self._keys[sig] = key_of(self._py_func, target_context.codegen())
        except NoDigestError:
            return None
        return self._load_overload(sig, target_context)

    def _load_overload(self, sig: Any, target_context: Any) -> Any:
        key = self._keys[sig]
        name = folder.file_name(self.transform.label(), key)
        data = folder.load(name, key)
        if data is None:
            return None
        try:
            parts = loaded_from(data, functions_of(self._py_func))
            result = objects.rebuilt(target_context, sig, parts)
        except Exception:  # whatever a file brings up that is whole and of no use: compile instead
            folder.remove(folder.folder() / name)
            return None
        del self._keys[sig]
        return result

    def save_overload(self, sig: Any, data: Any) -> None:
        key = self._keys.pop(sig, None)
        if key is None or data.lifted or data.library.has_dynamic_globals:
            return
        self._py_func = Call(self.transform, self.hint, tuple(sig))
        try:
            if key == key_of(self._py_func, data.codegen):  # nothing has changed meanwhile
                self._save_overload(data, key)
        except (NoDigestError, pickle.PicklingError, TypeError, AttributeError):
            return  # it can't be kept, or something in it can't be pickled

    def _save_overload(self, data: Any, key: bytes) -> None:
        parts = objects.taken_apart(data)
        data = parts[-1][0], tuple(data._find_referenced_environments())  # what stamps look at
        pickled = pickled_by(ReferringPickler, parts, functions_of(self._py_func))
        name = folder.file_name(self.transform.label(), key)
        folder.save(name, self._py_func.label, key, pickled)
