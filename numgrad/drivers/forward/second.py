"""The passes of second derivatives, half of which are enough."""

from numba import types

from numgrad.drivers import chunks
from numgrad.drivers.forward.results import JacobianPasses


class LaterPasses(JacobianPasses):
    """The passes by the inputs from one on."""

    begin = "begin"

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **{**options, "watched": False})  # the outer passes look


class HessianPasses(JacobianPasses):
    """The passes over a Jacobian by the inputs from those of each pass on.

    The Hessian is symmetric: what is left out by one order of derivatives is there by the other.
    """

    leading = (("start", types.intp),)
    looks_back = True  # what a pass leaves undefined may be nan until it is mirrored
    begin = "total - total"  # 0, and no literal, for which the passes within were compiled again

    def complete(self):
        mirrored = self.name(chunks.mirrored, "mirrored")
        by = len(self.seeded)
        for k, result in enumerate(self.results):
            output, first, second = k // by**2, k // by % by, k % by
            other = self.results[(output * by + second) * by + first]
            inner, outer = other.by.name, result.by.name
            self.add(
                f"{mirrored}({result.name}_flat, {other.name}_flat, {inner}_offset, "
                f"{inner}_numbers.size, {outer}_offset, {outer}_numbers.size, {self.dual.count})"
            )
