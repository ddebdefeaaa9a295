"""Care where a derivative is nan: see `numgrad.drivers.forward.care`."""

from collections.abc import Callable
from typing import Any

from numgrad.drivers import state
from numgrad.drivers.forward import care
from numgrad.numbers.dual import nans
from numgrad.targets import cuda_device
from numgrad.twin.source import Body


class Watched:
    """The part of the source of passes that computes again what came out nan."""

    others: str
    state: list[tuple[str, Any]]
    dual: Any
    is_watched: bool
    name: Callable[[Any, str], str]
    add: Callable[..., None]
    body: Callable[[str], Body]
    put_back: Callable[[int], None]

    def _is_watched(self, watched):
        """Whether to look for nan: whether the passes can be repeated."""
        can_repeat = all(state.can_be_saved(kind) for _, kind in self.state)
        return watched and can_repeat and not (self.dual.is_careful or cuda_device.in_kernel())

    def watch(self, expression, indent):
        """Take down whether a number lacks a derivative."""
        if self.is_watched:
            lacks, dual = self.name(nans.lacks, "lacks"), self.name(self.dual, "dual")
            self.add(f"lacking = lacking | {lacks}({dual}, {expression})", indent=indent)

    def take_care(self, found):
        """Compute results, by name and whether they are arrays, again where a derivative lacks.

        The function is called once more, on what the caller left: it has written to no array of
        floats of the caller's before `restore`, and all else is put back.
        """
        if self.is_watched and found:
            results = "".join(f"{name}, " for name, _ in found)
            numbers = "".join(f"{name}, " for name, is_array in found if not is_array)
            late = self.name(care.Late(self.careful()), "late")
            again = (
                f"{self.name(care.call, 'again')}({late}, arguments, {self.others}, ({results}))"
            )
            self.add(f"if {self.name(care.rare, 'rare')}(lacking):")
            self.put_back(2)
            self.add(f"({numbers}) = {again}" if numbers else again, indent=2)

    def careful(self):
        """The maker of the function that computes results again, which can be pickled."""
        raise NotImplementedError

    def filling(self, found):
        """The body that puts careful derivatives in the place of nan in results."""
        fill, filled = self.name(care.fill, "fill"), self.name(care.filled, "filled")
        numbers = ""
        for k, (name, is_array) in enumerate(found):
            if is_array:
                self.add(f"{fill}(results[{k}], {name})")
            else:
                numbers += f"{filled}(results[{k}], {name}), "
        return self.body(f"({numbers})")
