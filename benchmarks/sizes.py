"""Samples in one dimension, from ten to ten million."""

from benchmarks.inputs import IMPLEMENTATIONS, warm_call

WITH_OUT = [*IMPLEMENTATIONS, "numgrad, out="]


class Few:
    """Sizes where most of the time is the overhead of a call: a hundred calls are timed as one."""

    param_names = ("size", "implementation")
    params = ([10, 100, 1_000], WITH_OUT)

    def setup(self, size, implementation):
        self.call = warm_call(implementation, (size,))

    def time_hundred_calls(self, *_):
        for _ in range(100):
            self.call()


class Many:
    """Sizes where most of the time is arithmetic, later memory."""

    param_names = ("size", "implementation")
    params = ([10_000, 100_000, 1_000_000, 10_000_000], WITH_OUT)

    def setup(self, size, implementation):
        self.call = warm_call(implementation, (size,))

    def time_gradient(self, *_):
        self.call()
