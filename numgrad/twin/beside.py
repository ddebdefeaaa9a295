"""What is kept for compiled functions, as long as they live."""

from typing import Any
from weakref import ref

from numba.core.dispatcher import Dispatcher

ATTRIBUTE = "_made_by_numgrad"


class Kept(dict[str, Any]):
    """What is made of one function, by names.

    Whatever wraps a function gets a copy of its attributes, and none of this is made of the
    wrapper: so it names its owner.
    """

    def __init__(self, owner: Any) -> None:
        self.owner = ref(owner)

    def __reduce__(self) -> Any:
        return dict, ()


class Beside:
    """A mapping from dispatchers to what is made of them, kept on the dispatchers themselves.

    What is made of a function refers to it. In a dictionary, a weak one too, both would live for
    ever; here the two are garbage together.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def get(self, function: Any, default: Any = None) -> Any:
        kept = _kept_on(function)
        return default if kept is None else kept.get(self._name, default)

    def __contains__(self, function: Any) -> bool:
        return self._name in (_kept_on(function) or ())

    def __getitem__(self, function: Any) -> Any:
        return _to_keep_on(function)[self._name]

    def __setitem__(self, function: Any, value: Any) -> None:
        _to_keep_on(function)[self._name] = value

    def setdefault(self, function: Any, value: Any) -> Any:
        return _to_keep_on(function).setdefault(self._name, value)

    def pop(self, function: Any, default: Any = None) -> Any:
        return _to_keep_on(function).pop(self._name, default)


def _kept_on(function: Any) -> Kept | None:
    kept = vars(function).get(ATTRIBUTE) if isinstance(function, Dispatcher) else None
    return kept if kept is not None and kept.owner() is function else None


def _to_keep_on(function: Any) -> Kept:
    attributes = vars(function)
    if _kept_on(function) is None:
        copied = attributes.pop(ATTRIBUTE, None)  # with the attributes of what it wraps
        kept: Kept = attributes.setdefault(ATTRIBUTE, Kept(function))
        return kept if kept is not copied else _to_keep_on(function)
    return attributes[ATTRIBUTE]  # type: ignore[no-any-return]
