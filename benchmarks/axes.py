"""Ranks, and the axes of a field: each alone, some, all."""

from benchmarks.inputs import IMPLEMENTATIONS, warm_call


class Ranks:
    """About a million samples in every rank, all axes."""

    param_names = ("shape", "implementation")
    params = (
        [(1_000_000,), (1000, 1000), (100, 100, 100), (32, 32, 32, 32), (16, 16, 16, 16, 16)],
        IMPLEMENTATIONS,
    )

    def setup(self, shape, implementation):
        self.call = warm_call(implementation, shape)

    def time_gradient(self, *_):
        self.call()


class AxesOfSquare:
    param_names = ("axis", "implementation")
    params = ([0, 1], IMPLEMENTATIONS)

    def setup(self, axis, implementation):
        self.call = warm_call(implementation, (4000, 4000), axis=axis)

    def time_gradient(self, *_):
        self.call()


class AxesOfCube:
    param_names = ("axis", "implementation")
    params = ([0, 1, 2, (0, 2), None], IMPLEMENTATIONS)

    def setup(self, axis, implementation):
        self.call = warm_call(implementation, (192, 192, 192), axis=axis)

    def time_gradient(self, *_):
        self.call()
