"""How long a gradient takes with so many partials a pass: the measurement behind ``widths.py``."""

import numpy as np

from benchmarks.problems import point, rosenbrock_gradient
from numgrad.drivers.forward.widths import most_partials


class Chunks:
    """Rosenbrock's gradient with different numbers of partials."""

    param_names = ("variables", "partials")
    params = ([8, 64, 512], [8, 16, 32])

    def setup(self, variables, partials):
        from numba import float64

        if partials > most_partials(float64):
            raise NotImplementedError(f"no pass carries {partials} partials on this processor")
        self.x = point(variables)
        self.gradient = rosenbrock_gradient.entry_point(partials)
        expected = rosenbrock_gradient(self.x)
        np.testing.assert_allclose(self.gradient(self.x), expected, rtol=1e-12)

    def time_gradient(self, *_):
        self.gradient(self.x)
