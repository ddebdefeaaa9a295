"""Transforms whose functions take their arguments in a tuple."""

import inspect

from numgrad.drivers.transform import Transform


class OfTuples(Transform):
    """What is called with the primals in a tuple, and with something for them or the results."""

    second: str  # the name of the other argument

    def __init__(self, function):
        super().__init__(function)
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        self.parameters = [inspect.Parameter(name, kind) for name in ("primals", self.second)]

    def written(self, kinds):
        """Whether the tuple of primals is written to: a derivative tells no more of them."""
        return frozenset([0] if super().written(kinds) else [])

    def passed_on(self, kinds):
        return tuple(kinds[0])
