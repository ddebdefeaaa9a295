"""Every kind of spacing, in one dimension and along all three axes of a cube."""

from benchmarks.inputs import IMPLEMENTATIONS, SPACINGS, warm_call


class Spacings:
    param_names = ("spacing", "shape", "implementation")
    params = (SPACINGS, [(1_000_000,), (128, 128, 128)], IMPLEMENTATIONS)

    def setup(self, spacing, shape, implementation):
        self.call = warm_call(implementation, shape, spacing=spacing)

    def time_gradient(self, *_):
        self.call()


class EdgeOrders:
    """Many short lines, where the edges are a fifth of the work."""

    param_names = ("edge_order", "spacing", "implementation")
    params = ([1, 2], ["scalar", "non-uniform"], IMPLEMENTATIONS)

    def setup(self, edge_order, spacing, implementation):
        options = {"spacing": spacing, "axis": 1, "edge_order": edge_order}
        self.call = warm_call(implementation, (100_000, 10), **options)

    def time_gradient(self, *_):
        self.call()
