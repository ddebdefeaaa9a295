"""Derivatives of functions, by numgrad, by hand, and by JAX where it is installed."""

from benchmarks.problems import problems


class Functions:
    """Every problem of the table by every means."""

    param_names = ("problem", "means")
    params = (
        [problem.name for problem in problems(quick=True)],
        ["numgrad", "by hand", "n evaluations", "JAX"],
    )

    def setup(self, name, means):
        (problem,) = [problem for problem in problems(quick=True) if problem.name == name]
        calls = [call for label, call in problem.calls.items() if label.startswith(means)]
        if not calls:
            raise NotImplementedError(f"{name}: not by {means}")  # asv skips it
        (self.call,) = calls
        self.call()

    def time_derivative(self, *_):
        self.call()
