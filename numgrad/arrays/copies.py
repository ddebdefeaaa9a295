"""Memory that is copied to become one of duals, which must not be that of two parts of a value."""

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload
from numba.np.arrayobj import get_array_memory_extents

from numgrad.arrays.creation import compiled_only
from numgrad.arrays.objects import data_kind_of
from numgrad.numbers.carrier import carrier_in
from numgrad.numbers.objects import fields_of

SHARED = (
    "two parts of what a function returns share memory, and get derivatives where it has returned, "
    "which can't be followed: return one of them, or a copy"
)


class Parts(types.Type):
    """Pairs of parts of a value: their sources."""

    def __init__(self, pairs):
        self.pairs = pairs
        super().__init__(name=f"Parts({pairs})")


def check_apart(parts, value):
    """Raise if two parts of a value share memory that both would get a copy of."""
    compiled_only()


@overload(check_apart, strict=False)
def _check_apart(parts, value):
    lines = []
    for one, other in parts.instance_type.pairs:
        kinds = [part_type(value, source) for source in (one, other)]
        if None in kinds or any(carrier_in(kind) is not None for kind in kinds):
            continue
        if isinstance(kinds[0], types.List) and kinds[0] == kinds[1]:
            lines.append(f"shared |= {one} is {other}")
        elif all(
            isinstance(kind, types.Array | types.ClassInstanceType | types.StructRef)
            for kind in kinds
        ):
            lines.append(f"shared |= overlap(extent({one}), extent({other}))")
    names = {"extent": extent, "overlap": overlap, "SHARED": SHARED}
    body = ["shared = False", *lines, "if shared:", "    raise ValueError(SHARED)", ""]
    exec("\n    ".join(["def check(parts, value):", *body]), names)
    return names["check"]


def part_type(kind, source):
    """The type of a part of a value, by its source; None where there is none of its kind."""
    for step in source.removeprefix("value").replace("[", ".").replace("]", "").split(".")[1:]:
        if isinstance(kind, types.BaseTuple):
            kind = kind.types[int(step)]
        else:
            kind = (fields_of(kind) or {}).get(step)
    return kind


@intrinsic
def overlap(typingctx, one, other):
    """Whether two stretches of memory, from a start to an end, have a part in common."""

    def codegen(context, builder, sig, arguments):
        (start, stop), (first, last) = (cgutils.unpack_tuple(builder, each) for each in arguments)
        before = builder.icmp_unsigned("<", start, last)
        return builder.and_(before, builder.icmp_unsigned("<", first, stop))

    return types.boolean(one, other), codegen


@intrinsic
def extent(typingctx, value):
    """Return where the memory of an array, or of an object, begins and ends."""

    def codegen(context, builder, sig, arguments):
        if isinstance(value, types.Array):
            made = context.make_array(value)(context, builder, arguments[0])
            shape, strides = (
                cgutils.unpack_tuple(builder, each, value.ndim)
                for each in (made.shape, made.strides)
            )
            ends = get_array_memory_extents(
                context, builder, value, made, shape, strides, made.data
            )
        else:
            meminfo = context.make_helper(builder, value, value=arguments[0]).meminfo
            data = context.nrt.meminfo_data(builder, meminfo)
            start = builder.ptrtoint(data, cgutils.intp_t)
            size = context.get_abi_sizeof(data_kind_of(context, value))
            ends = start, builder.add(start, start.type(size))
        return context.make_tuple(builder, sig.return_type, ends)

    return types.UniTuple(types.uintp, 2)(value), codegen
