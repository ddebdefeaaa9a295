"""One run of a function on numbers that keep what they were computed from, and the sweeps after it.

Each number has one differential, however many inputs there are: a gradient by thousands of them
takes the memory of the operations. For few inputs a number with a partial for each is less work.
"""

from functools import cached_property
from typing import Any

from numgrad.numbers.dual.number import Dual, is_nan
from numgrad.numbers.tape.differentials import KINDS, ZERO, ComplexDifferential, Differential
from numgrad.rules.registry import primal
from numgrad.tracer.elements import members
from numgrad.tracer.run import Run, has_depth, zero_beside
from numgrad.tracer.sweeps import backward, forward, goes_forward, product, steps_to


class RecordedRun(Run):
    """One call of a function on inputs with differentials, and what sweeps tell of its results."""

    def __init__(self, *arguments: Any, backward_only: bool = True) -> None:
        super().__init__(*arguments)
        self.backward_only = backward_only  # also where there are more results than inputs
        self.by_input: list[Differential] = []
        self.results: list[Differential] = []  # of real numbers
        self.rows: dict[Differential, list[Any]] = {}  # the derivatives of a result by all inputs
        self.columns: dict[int, list[Any]] = {}  # those of all results by an input

    def carried_by(self, number: int, element: Any) -> tuple[Any, ...]:  # noqa: ARG002
        return (self.new_input(),)

    def new_input(self) -> Differential:
        self.by_input.append(Differential())
        return self.by_input[-1]

    def hold(self, leaves: list[Any]) -> None:
        """Let the sweeps be from these results, as many at once as there is use for."""
        for leaf in leaves:
            for element in members(leaf.elements):
                if has_depth(element, self.depth):
                    self.results += [
                        each
                        for each in (element.partials[0].real, element.partials[0].imag)
                        if each is not ZERO
                    ]
        self.results = list(dict.fromkeys(self.results))

    def partial(self, element: Any, k: int) -> Any:
        if not has_depth(element, self.depth):
            return zero_beside(element)
        (differential,) = element.partials
        one = type(primal(element).real)(1)
        real = self._real_partial(element, differential.real, k, one)
        if not isinstance(differential, ComplexDifferential):
            return real
        return real + 1j * self._real_partial(element, differential.imag, k, one)

    def _real_partial(self, element: Any, result: Differential, k: int, one: Any) -> Any:
        if result is ZERO:
            return type(one)(0)
        if not self.backward_only and len(self.results) > self.total and self.can_go_forward:
            return self._moved(result, k, one)
        if result not in self.rows:
            adjoints = backward({result: one})
            self.rows[result] = [adjoints.get(each, type(one)(0)) for each in self.by_input]
        found = self.rows[result][k]
        if _holds_nan(found) and not is_nan(element.value) and self.can_go_forward:
            return self._moved(result, k, one)
        return found

    def pulled_back(self, seeds: dict[Differential, Any], is_nan: bool) -> list[Any]:
        """Return the derivatives by all inputs of a sum of results, each times its seed.

        Where a result is nan itself, so are its derivatives.
        """
        adjoints, steps = backward(seeds), steps_to(seeds)

        def by(number: Differential) -> Any:
            found = adjoints.get(number, 0.0)
            if is_nan or not _holds_nan(found) or not goes_forward(steps):
                return found
            moved = forward(steps, {number: 1.0})
            return sum(product(seed, moved[each]) for each, seed in seeds.items() if each in moved)

        return list(map(by, self.by_input))

    def _moved(self, result: Differential, k: int, one: Any) -> Any:
        """Return the derivative of a result by an input, found by the way forward."""
        if k not in self.columns:
            moved = forward(self.steps, {self.by_input[k]: one})
            self.columns[k] = [moved.get(each) for each in self.results]
        found = self.columns[k][self.places[result]]
        return type(one)(0) if found is None else found

    @cached_property
    def steps(self) -> list[Any]:
        return steps_to(self.results)

    @cached_property
    def can_go_forward(self) -> bool:
        return goes_forward(self.steps)

    @cached_property
    def places(self) -> dict[Differential, int]:
        return {each: k for k, each in enumerate(self.results)}


def _holds_nan(x: Any) -> bool:
    """Whether a derivative is nan, or one of it that is a number."""
    if isinstance(x, Dual):
        return any(map(_holds_nan, (x.value, *x.partials)))
    return not isinstance(x, KINDS) and is_nan(x)
