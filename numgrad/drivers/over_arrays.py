"""A derivative at all points of arrays, broadcast together."""

from numba import types

from numgrad.drivers import chunks, layouts
from numgrad.drivers.mapping import Mapping
from numgrad.drivers.scratch import scratch
from numgrad.drivers.structure import argument, leaves, mapped, source_of, structure_of
from numgrad.targets.options import internal_njit
from numgrad.twin.source import Body, function_of


class OverArrays:
    """The source of a derivative at all points of arrays, broadcast together."""

    def __init__(self, at_point, careful, kinds, arrays, out, parallel):
        self.arrays = arrays
        self.kinds = kinds
        self.ndim = max(kinds[k].ndim for k in arrays)
        self.out_kind = out
        self.out = [] if out is None else leaves(structure_of("out", out))
        self.in_place = bool(self.out) and all(
            place.is_array and place.kind.layout == "C" for place in self.out
        )
        lines = [line_of(kind) if k in arrays else kind for k, kind in enumerate(kinds)]
        axes = [0 if k in arrays else None for k in range(len(kinds))]
        flat_out = lines_of(out) if self.in_place else None
        new = chunks.allocate if out is None else scratch
        self.mapping = Mapping(
            at_point, lines, axes, flat_out, parallel=parallel, new=new, careful=careful
        )
        self.names = {
            "run": internal_njit(
                function_of("run", "arguments, out", self.mapping.implementation())
            ),
            "flat": chunks.flat,
            "shaped": chunks.shaped,
            "check_shape": chunks.check_shape,
            "check_distinct": layouts.check_distinct,
            "in_line": chunks.in_line,
            "new": new,
            "size": size_of_shape,
            "broadcast": chunks.broadcast,
            "together": together,
        }

    def implementation(self):
        """Return the body of a function of ``arguments`` and ``out``."""
        lines = [f"shape = {self._shape()}"]
        for k in self.arrays:
            lines += self._line(k)
        for place in self.out:
            lines.append(f"check_shape({place.expression}.shape, shape)")
            if place.is_array and place.kind.layout == "A" and place.kind.ndim:
                lines.append(f"check_distinct({place.expression})")
        arguments = "".join(
            f"x{k}, " if k in self.arrays else f"{argument(k)}, " for k in range(len(self.kinds))
        )
        flat_out = source_of(mapped(lambda leaf: f"flat({leaf.expression})", self._out_structure()))
        lines += [f"results = run((None, {arguments}), {flat_out})", *self._returned()]
        return Body(lines, self.names)

    def _shape(self):
        """Return the source of the shape that all arrays broadcast to."""
        if len(self.arrays) == 1:
            return f"{argument(self.arrays[0])}.shape"
        lengths = ["1"] * self.ndim
        for k in self.arrays:
            lacking = self.ndim - self.kinds[k].ndim
            for axis in range(self.kinds[k].ndim):
                length = f"{argument(k)}.shape[{axis}]"
                lengths[lacking + axis] = f"together({lengths[lacking + axis]}, {length})"
        return f"({', '.join(lengths)},)" if lengths else "()"

    def _out_structure(self):
        return structure_of("out", self.out_kind) if self.in_place else None

    def _line(self, k):
        """Return the source of one array's numbers in the common shape, as one dimension."""
        kind, array = self.kinds[k], argument(k)
        self.names[f"element{k}"] = kind.dtype
        copied = f"in_line({{}}, new((size(shape),), element{k}))"
        broadcast = copied.format(f"broadcast({array}, shape)")
        if len(self.arrays) == 1:
            return [f"x{k} = {f'flat({array})' if kind.layout == 'C' else copied.format(array)}"]
        if kind.layout != "C" or kind.ndim < self.ndim or not kind.mutable:
            return [f"x{k} = {broadcast}"]
        return [
            f"if {array}.shape == shape:",
            f"    x{k} = flat({array})",
            "else:",
            f"    x{k} = {broadcast}",
        ]

    def _returned(self):
        """Return the source of the results in the common shape."""
        if self.in_place:
            return ["return out"]
        names = mapped(self._in_shape, self.mapping.structure)
        if not self.out:
            return [f"return {source_of(names)}"]
        copies = [
            f"{place.expression}[...] = {name}"
            for place, name in zip(self.out, leaves(names), strict=True)
        ]
        return [*copies, "return out"]

    def _in_shape(self, leaf):
        """Return the source of a result; the axes of one that is an array at a point come last."""
        result = leaf.expression.replace("item", "results", 1)
        return f"shaped({result}, shape{f' + {result}.shape[1:]' if leaf.is_array else ''})"


@internal_njit
def together(length, other):
    """Return the length of an axis of two arrays that are broadcast."""
    if length != other and length != 1 and other != 1:
        raise ValueError("the arrays have shapes that can't be broadcast to one")
    return other if length == 1 else length


@internal_njit
def size_of_shape(shape):
    """The number of elements of an array of a shape."""
    size = 1
    for length in shape:
        size *= length
    return size


def line_of(array):
    """Return the type of an array's elements as one contiguous dimension."""
    return types.Array(array.dtype, 1, "C", readonly=not array.mutable, aligned=array.aligned)


def lines_of(kind):
    """Return the type of arrays in tuples, each as one contiguous dimension."""
    if isinstance(kind, types.BaseTuple):
        return types.Tuple([lines_of(item) for item in kind.types])
    return line_of(kind)
