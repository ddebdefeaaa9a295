"""Derivatives of functions, by numgrad, by hand, and by JAX where it is installed."""

from benchmarks.problems import problems


def calls():
    """Return every means of every problem, by a name for both."""
    return {
        f"{problem.name}: {means}": call
        for problem in problems(quick=True)
        for means, call in problem.calls.items()
    }


class Functions:
    """Every problem of the table by every means."""

    param_names = ("derivative",)
    params = (list(calls()),)

    def setup(self, name):
        self.call = calls()[name]
        self.call()

    def time_derivative(self, *_):
        self.call()
