"""How the samples lie in memory: a million of them in two dimensions."""

import numpy as np

from benchmarks.inputs import IMPLEMENTATIONS, samples, warmed

LAYOUTS = {
    "C": lambda: samples((1000, 1000)),
    "Fortran": lambda: np.asfortranarray(samples((1000, 1000))),
    "every second": lambda: samples((2000, 2000))[::2, ::2],
    "reversed": lambda: samples((1000, 1000))[::-1, ::-1],
    "broadcast": lambda: np.broadcast_to(samples((1000,)), (1000, 1000)),
}


class Layouts:
    param_names = ("layout", "implementation")
    params = (list(LAYOUTS), IMPLEMENTATIONS)
    call = None

    def setup(self, layout, implementation):
        # asv makes the setup anew before each call that it times
        self.call = self.call or warmed(implementation, LAYOUTS[layout]())

    def time_gradient(self, *_):
        self.call()
