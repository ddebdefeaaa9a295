"""Nodes in compiled code: how one is made and taken apart."""

from numba import types
from numba.core.errors import NumbaTypeError
from numba.extending import box, intrinsic

from numgrad.numbers.carrier import REAL, is_active, primal_of
from numgrad.numbers.tape import memory
from numgrad.numbers.tape.type import TapeNumber


@intrinsic
def noded(typingctx, node, number, index):
    """Return a number as a node with an index; a complex one has the next index too."""
    node = node.instance_type

    def codegen(context, builder, sig, arguments):
        _, number, index = arguments
        value = context.cast(builder, number, sig.args[1], node.value)
        index = context.cast(builder, index, sig.args[2], types.int64)
        following = builder.add(index, memory.I64(1))
        return node.of_components(builder, [value, index, following][: 1 + len(node.keys)])

    return node(types.TypeRef(node), number, index), codegen


@intrinsic
def index_of(typingctx, node, number, half):
    """Return an index of a number: of its real or imaginary part; 0 if it has no derivatives."""
    node = node.instance_type
    if is_active(number, node) and number != number.stored:
        raise NumbaTypeError(f"{number} is no node")

    def codegen(context, builder, sig, arguments):
        if not is_active(number, node):
            return memory.I64(0)
        _, *indices = number.components(builder, arguments[1])
        is_real = builder.icmp_signed("==", arguments[2], arguments[2].type(REAL))
        return builder.select(is_real, indices[REAL][1], indices[-1][1])

    return types.int64(types.TypeRef(node), number, half), codegen


@box(TapeNumber)
def box_node(number, native, c):
    """A number that goes to Python, in an error's message or a text: without derivatives."""
    return c.box(number.number, primal_of(c.builder, number, native))
