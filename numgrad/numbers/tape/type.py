"""The Numba types of numbers on a tape: nodes, which have an index there, and expressions.

A *node* is a value and the index of the statement that it is the result of; so numbers lie in
arrays, are passed on and returned. An *expression* is a temporary in registers: a value, and its
partial derivative by each of a few nodes, the *leaves*. It becomes a node, and one statement on the
tape, where it has to be one. So a tape has one statement for each number that is kept, and not one
for each operation.

Where a program is known to read a node at one place only, its type has an *identity*; what is
computed of it then has a single partial by it, however often it occurs. Without one, each
occurrence is a leaf.

A complex number is two real ones, on the tape as in memory, and so has two leaves. A complex
expression has complex partials by real leaves, which holds for functions that aren't holomorphic.
"""

import operator
from typing import Any, ClassVar

from numba import types
from numba.core import cgutils
from numba.core.typeconv import Conversion
from numba.extending import lower_cast, make_attribute_wrapper, models, register_model

from numgrad.caching.stamping import FOLLOWS_RULES
from numgrad.numbers.carrier import (
    IMAG,
    REAL,
    Carrier,
    cast_carrier,
    complex_of_parts,
    complex_parts,
    is_complex,
    is_constant_for,
    real_of,
    unified_constant,
)
from numgrad.numbers.emitting import call_as
from numgrad.numbers.memory import HalvesModel
from numgrad.numbers.tape import memory, registers, statements
from numgrad.numbers.tape.statements import Leaf

MOST_LEAVES = 8  # of an expression: beyond, its largest part becomes a node


class TapeNumber(Carrier):
    """What nodes and expressions have in common.

    ``keys`` tell the leaves apart: two that are equal are one leaf, and None equals nothing.
    """

    keys: tuple[Any, ...]
    records: ClassVar[dict[str, Any]] = {}  # of real numbers: see `Carrier.record_of`
    loops: ClassVar[Any]  # how a loop becomes a record (`numgrad.numbers.tape.loops`)
    count = 1  # of partials that a pass over such numbers computes with: as many as one has

    @property
    def stored(self):
        return NodeType(self.value, self.depth)

    @property
    def has_temporaries(self):
        return True

    @property
    def is_any_memory(self):
        return False  # which an index is a place in

    @property
    def is_careful(self):
        return getattr(self.value, "is_careful", False)

    def record_of(self, name):
        return self.records[name](self.stored) if not is_complex(self.number) else None

    def with_value(self, value):
        return NodeType(value, self.depth)

    def is_alike(self, other):
        return isinstance(other, TapeNumber) and other.depth == self.depth

    def of_operands(self, value, argtypes):
        keys, _ = leaves_of_result(argtypes)
        return ExpressionType(value, self.depth, keys)

    # While code is emitted

    def begin_function(self, function, *, may_have_records):
        registers.begin(function, {} if may_have_records else None)

    def end_function(self, function):
        registers.end(function)

    def note_callee(self, module, compiled):
        registers.note_harmless(module, compiled)

    def leaves(self, context, builder, number):
        """List the leaves of a number: keys, partials and indices."""
        raise NotImplementedError

    def constant(self, context, builder, value):
        return self.of_leaves(context, builder, value, [])

    def of_leaves(self, context, builder, value, leaves):
        raise NotImplementedError

    def converted(self, context, builder, source, number):
        value = context.cast(builder, source.value_of(builder, number), source.value, self.value)
        leaves = source.leaves(context, builder, number)
        cast = [
            Leaf(each.key, each.argtype, each.partial, each.index).with_type(
                context, builder, self.value
            )
            for each in leaves
        ]
        return self.of_leaves(context, builder, value, cast)

    def value_of(self, builder, number):
        return builder.extract_value(number, 0)

    def with_other_value(self, builder, number, value):
        return builder.insert_value(number, value, 0)

    def of_slopes(self, context, builder, derivation, values, value, operands):
        """Make an expression of what its operands are expressions of."""
        argtypes = [each.argtype for each in operands]
        _, flushed = leaves_of_result(argtypes)
        leaves = []
        for k, each in enumerate(operands):
            own = each.argtype.leaves(context, builder, each.number)
            if k in flushed:
                own = statements.pushed(context, builder, each.argtype, own)
            leaves += statements.scaled(context, builder, self.value, derivation, each, own)
        merged = statements.merged(context, builder, self.value, leaves)
        return self.of_leaves(context, builder, value, merged)

    def tangent_body(self, rule):
        """Leaves are parts of a number, which meet in the sweep alone."""
        return rule.apart or rule.body

    def of_tangents(self, context, builder, result, number, value_and_tangent):
        value, of_result = self.value_of(builder, number), None
        leaves = []
        for each in self.leaves(context, builder, number):
            each = each.with_type(context, builder, self.value)
            of_result, tangent = value_and_tangent(value, each.known_partial(context, builder))
            leaves.append(Leaf(each.key, result.value, tangent, each.index))
        return result.of_leaves(context, builder, of_result, leaves)

    # For Numba

    def can_convert_from(self, typingctx, other):
        if is_constant_for(self, other):
            convertible = unified_constant(typingctx, self.value, other) == self.value
            return Conversion.safe if convertible else None
        if self.is_alike(other) and self.holds(other):
            return typingctx.can_convert(other.value, self.value)
        return None

    def holds(self, other):
        """Whether all leaves of another number have a place here."""
        return None not in other.keys and set(other.keys) <= set(self.keys)

    def unify(self, typingctx, other):
        if self.is_alike(other):
            value = typingctx.unify_pairs(self.value, other.value)
            keys = together([self.keys, other.keys])
        elif is_constant_for(self, other):
            value, keys = unified_constant(typingctx, self.value, other), self.keys
        else:
            return None
        if value is None:
            return None
        value = getattr(value, "stored", value)
        if None in keys or len(keys) > MOST_LEAVES or is_complex(value) != is_complex(self.value):
            return NodeType(value, self.depth)
        return ExpressionType(value, self.depth, keys)


class NodeType(TapeNumber):
    """The type of a number with an index: two of them where it is complex."""

    def __init__(self, value, depth, identity=None):
        self.identity = identity
        halves = (REAL, IMAG) if is_complex(getattr(value, "number", value)) else (REAL,)
        self.keys = tuple(None if identity is None else (identity, half) for half in halves)
        name = "Node" if identity is None else f"Leaf{identity}"
        super().__init__(value, depth, f"{name}({value}, depth={depth})")

    def __reduce__(self):
        return node_type_of, (self.value, self.depth, self.identity, FOLLOWS_RULES)

    def identified(self, identity):
        return NodeType(self.value, self.depth, identity)

    def holds(self, other):
        return self.identity is None  # of an expression as well: it becomes a node

    def components(self, builder, number):
        indices = [builder.extract_value(number, 1 + k) for k in range(len(self.keys))]
        return [(self.value, self.value_of(builder, number)), *((types.int64, i) for i in indices)]

    def of_components(self, builder, numbers):
        return cgutils.pack_struct(builder, numbers)

    def leaves(self, context, builder, number):
        _, *indices = self.components(builder, number)
        return [
            Leaf(key, self.value, half, index)
            for half, (key, (_, index)) in enumerate(zip(self.keys, indices, strict=True))
        ]

    def of_leaves(self, context, builder, value, leaves):
        if not leaves:
            return self.of_components(builder, [value, *[memory.I64(0)] * len(self.keys)])
        pushed = statements.pushed(context, builder, self, leaves)
        return self.of_components(builder, [value, *(each.index for each in pushed)])

    def claimed(self, context, builder, number):
        """Give a number an index that no other has."""
        own = statements.pushed(context, builder, self, self.leaves(context, builder, number))
        value = self.value_of(builder, number)
        return self.of_components(builder, [value, *(each.index for each in own)])

    def accumulated(self, context, builder, function, argtypes, arguments):
        """Add a number to a sum, or subtract it; the index of the sum stays."""
        total, number = argtypes
        values = [total.value_of(builder, arguments[0]), arguments[1]]
        kinds, leaves = [total.value, number], []
        if self.is_alike(number):
            values[1], kinds[1] = number.value_of(builder, arguments[1]), number.value
            leaves = number.leaves(context, builder, arguments[1])
        value = call_as(context, builder, function, kinds, values, self.value)
        (index,) = (each.index for each in total.leaves(context, builder, arguments[0]))
        if leaves:
            sign = 1 if function is operator.add else -1
            statements.add_to(context, builder, self.value, index, leaves, sign)
        return self.of_components(builder, [value, index])

    def converted(self, context, builder, source, number):
        if not isinstance(source, NodeType) or len(source.keys) != len(self.keys):
            return super().converted(context, builder, source, number)
        (argtype, value), *indices = source.components(builder, number)
        value = context.cast(builder, value, argtype, self.value)
        return self.of_components(builder, [value, *(index for _, index in indices)])

    def complex_parts(self, builder, number):
        (argtype, value), *indices = self.components(builder, number)
        parts = complex_parts(builder, argtype, value)
        real = real_of(self)
        return [
            real.of_components(builder, [part, index])
            for part, (_, index) in zip(parts, indices, strict=True)
        ]

    def of_complex_parts(self, builder, parts):
        real = real_of(self)
        components = [real.components(builder, part) for part in parts]
        values = [pair[0][1] for pair in components]
        indices = [pair[1][1] for pair in components]
        return self.of_components(
            builder, [complex_of_parts(builder, self.value, values), *indices]
        )


class ExpressionType(TapeNumber):
    """The type of a temporary: a value and its partials by some leaves."""

    def __init__(self, value, depth, keys):
        self.keys = tuple(keys)
        names = ", ".join("?" if key is None else "{}.{}".format(*key) for key in self.keys)
        super().__init__(value, depth, f"Expression({value}, [{names}], depth={depth})")

    def components(self, builder, number):
        count = len(self.keys)
        carried = [(self.value, builder.extract_value(number, 1 + k)) for k in range(count)]
        return [(self.value, self.value_of(builder, number)), *carried]

    def leaves(self, context, builder, number):
        count = len(self.keys)
        return [
            Leaf(
                key,
                self.value,
                builder.extract_value(number, 1 + k),
                builder.extract_value(number, 1 + count + k),
            )
            for k, key in enumerate(self.keys)
        ]

    def of_leaves(self, context, builder, value, leaves):
        waiting = list(leaves)
        partials, indices = [], []
        for key in self.keys:
            found = next((each for each in waiting if each.key == key), None)
            if found is None:
                partials.append(context.get_constant_null(self.value))
                indices.append(memory.I64(0))
                continue
            waiting.remove(found)
            partials.append(found.known_partial(context, builder))
            indices.append(found.index)
        return cgutils.pack_struct(builder, [value, *partials, *indices])

    def complex_parts(self, builder, number):
        raise NotImplementedError("a complex expression is a node before it is taken apart")


def together(groups):
    """Return keys without those that occur before; each None stays."""
    keys = [key for group in groups for key in group]
    return tuple(key for k, key in enumerate(keys) if key is None or key not in keys[:k])


def leaves_of_result(argtypes):
    """Return the keys of what is computed of numbers, and which of these become nodes first."""
    groups, flushed = [list(argtype.keys) for argtype in argtypes], []
    while len(together(groups)) > MOST_LEAVES:
        largest = max(range(len(groups)), key=lambda k: len(groups[k]))
        halves = 2 if is_complex(argtypes[largest].number) else 1
        if len(groups[largest]) <= halves:
            break
        flushed.append(largest)
        groups[largest] = [None] * halves
    return together(groups), flushed


def node_type_of(value, depth, identity, stamp):
    """Make a node type from a cache, where the stamp was not stale."""
    memory.register()
    return NodeType(value, depth, identity)


@lower_cast(Carrier, TapeNumber)
def cast_to_tape(context, builder, source, carrier, number):
    return cast_carrier(context, builder, source, carrier, number)


class NodeModel(models.StructModel):
    """The value and the index, in registers and in memory alike."""

    def __init__(self, manager, node):
        indices = [(f"index{k}", types.int64) for k in range(len(node.keys))]
        super().__init__(manager, node, [("value", node.value), *indices])


class ComplexNodeModel(HalvesModel, NodeModel):
    """The same in registers; in memory two real nodes."""


@register_model(NodeType)
def model_of_node(manager, node):
    return (ComplexNodeModel if is_complex(node.number) else NodeModel)(manager, node)


@register_model(ExpressionType)
class ExpressionModel(models.StructModel):
    """The value, the partials and the indices."""

    def __init__(self, manager, expression):
        count = range(len(expression.keys))
        partials = [(f"partial{k}", expression.value) for k in count]
        indices = [(f"index{k}", types.int64) for k in count]
        super().__init__(manager, expression, [("value", expression.value), *partials, *indices])


make_attribute_wrapper(NodeType, "value", "value")
