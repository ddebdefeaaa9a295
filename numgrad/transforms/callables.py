"""The types of what transforms return, for checkers of types."""

from typing import Any, Literal, ParamSpec, Protocol, TypeVar, overload

P = ParamSpec("P")
R = TypeVar("R")
Mode = Literal["auto", "forward", "reverse"]
Result = TypeVar("Result", covariant=True)


class Derived(Protocol[P, Result]):
    """A derivative, called with the arguments of its function, and with ``out`` by its name."""

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Result: ...

    @overload
    def __call__(self, *args: Any, out: Any, **kwargs: Any) -> Result: ...


class Sparse(Protocol):
    """A sparse derivative, called with the arguments of its function, and with ``out``."""

    def __call__(self, *args: Any, out: Any = None, **kwargs: Any) -> Any: ...

    def pattern(self, *args: Any) -> Any: ...


class Mapped(Protocol):
    """A function of items, called with arrays of them; types can't tell which dimensions."""

    def __call__(self, *args: Any, out: Any = None, **kwargs: Any) -> Any: ...
