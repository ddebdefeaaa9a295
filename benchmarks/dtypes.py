"""Every kind of number, a million samples in two dimensions."""

from benchmarks.inputs import IMPLEMENTATIONS, warm_call


class Dtypes:
    param_names = ("dtype", "implementation")
    params = (
        ["float32", "float64", "complex64", "complex128", "uint8", "int32", "int64"],
        IMPLEMENTATIONS,
    )

    def setup(self, dtype, implementation):
        self.call = warm_call(implementation, (1000, 1000), dtype)

    def time_gradient(self, *_):
        self.call()
