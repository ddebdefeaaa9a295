"""GradBench and ADBench: by numgrad, by hand, and by JAX where it is installed."""

from dataclasses import replace

from benchmarks import adbench_problems, gradbench_problems, hand_problem
from benchmarks.problems import calls_of


def suite(*, quick=False):
    """Yield every problem of the table; large enough to tell, unless it is to be quick."""
    yield adbench_problems.gaussian_mixture()
    yield adbench_problems.bundle_adjustment(1_000 if quick else 10_000)
    yield hand_problem.hand_tracking()
    yield gradbench_problems.ode(100 if quick else 500)
    yield gradbench_problems.det()
    yield gradbench_problems.llsq()
    yield gradbench_problems.lse()


def forward_suite():
    """Yield quick problems without reverse mode, which `benchmarks.modes` times."""
    for problem in suite(quick=True):
        calls = {means: call for means, call in problem.calls.items() if means != "reverse"}
        yield replace(problem, calls=calls)


class GradBench:
    """Every problem of the suite by every means."""

    param_names = ("derivative",)
    params = (list(calls_of(forward_suite())),)

    def setup(self, name):
        problem, self.call = calls_of(forward_suite())[name]
        if name.endswith(": numgrad"):
            problem.check()
        self.call()

    def time_derivative(self, *_):
        self.call()
