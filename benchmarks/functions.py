"""Derivatives of functions, by numgrad, by hand, and by JAX where it is installed."""

from benchmarks.problems import calls_of, problems


class Functions:
    """Every problem of the table by every means."""

    param_names = ("derivative",)
    params = (list(calls_of(problems(quick=True))),)

    def setup(self, name):
        problem, self.call = calls_of(problems(quick=True))[name]
        if name.endswith(": numgrad"):
            problem.check()
        self.call()

    def time_derivative(self, *_):
        self.call()
