"""Loops whose rounds all do the same with numbers, which a carrier may treat as one.

Such a loop goes over a range, nothing leaves it early, and no round takes a number from the one
before but sums and what that one has read. It gets a second version, between marks that the carrier
writes code for; which of the two runs is decided where it begins, by the number of rounds. What a
round calls, and whether it may raise, is found out when its code is written: if so, the versions
are the same after all.
"""

import copy
import operator
from dataclasses import dataclass
from typing import Any

from numba import types
from numba.core.analysis import compute_cfg_from_blocks
from numba.core.dispatcher import Dispatcher
from numba.core.ir_utils import replace_vars_stmt

from numgrad.numbers.carrier import carriers_in
from numgrad.numbers.temporaries import LoopKey, begin_round, close_rounds, end_round, open_rounds
from numgrad.twin.statements import Statements

FEWEST = 32  # rounds of a loop that is worth a second version
ELEMENTS = ("getitem", "static_getitem", "typed_getitem")
IN_ROUND = {*ELEMENTS, "binop", "inplace_binop", "unary", "call", "cast", "getattr", "build_tuple"}
DIVISIONS = {
    *(operator.truediv, operator.floordiv, operator.mod),
    *(operator.itruediv, operator.ifloordiv, operator.imod),
}


@dataclass
class Loop:
    """A loop of two blocks: their labels, those of its neighbours, and what it goes over."""

    before: int
    head: int
    body: int
    after: int
    range: Any


@dataclass
class Version:
    """The blocks of a second version, where marks come."""

    opening: int
    head: int
    body: int
    closing: int
    range: Any


class Loops(Statements):
    """The loops of one function that get a second version."""

    def __init__(self, activity, carrier, temporaries, flags):
        super().__init__(activity)
        self.carrier, self.flags = carrier, flags
        self.blocks = activity.ir.blocks
        self.definitions = temporaries.definitions
        self.sums = {name for found in temporaries.sums for name in found.members}
        self.summands = temporaries.summands
        self.versions: list[Version] = []

    # Which loops

    def found(self):
        """List the loops that get a second version."""
        nested = any(each.has_temporaries for each in carriers_in(self.carrier.value).values())
        if (
            nested
            or self.carrier.is_careful
            or self.activity.ir.is_generator
            or self.flags.boundscheck
            or self.flags.auto_parallel.enabled
        ):
            return []
        graph = compute_cfg_from_blocks(self.blocks)
        loops = [self._simple(loop, graph) for loop in graph.loops().values()]
        return [loop for loop in loops if loop is not None and self._is_uniform(loop)]

    def _simple(self, loop, graph):
        """Find the parts of a loop over a range that has one block and no other way out."""
        head, bodies = loop.header, set(loop.body) - {loop.header}
        before = {label for label, _ in graph.predecessors(head)} - bodies
        branch = self.blocks[head].terminator
        if len(bodies) != 1 or len(before) != 1 or not isinstance(branch, self.nodes.Branch):
            return None
        (body,), (before,) = bodies, before
        is_jump = all(
            isinstance(self.blocks[label].terminator, self.nodes.Jump) for label in (before, body)
        )
        given = self._range(head)
        if not is_jump or branch.truebr != body or branch.falsebr in loop.body or given is None:
            return None
        return Loop(before, head, body, branch.falsebr, given)

    def _range(self, head):
        """Find the range that a loop goes over, or None."""
        for statement in self.blocks[head].body:
            if getattr(getattr(statement, "value", None), "op", None) == "iternext":
                iterator = self._source(statement.value.value)
                if getattr(iterator, "op", None) != "getiter":
                    return None
                is_range = isinstance(self.activity.type_of(iterator.value.name), types.RangeType)
                return iterator.value if is_range and not self._is_short(iterator.value) else None
        return None

    def _source(self, variable):
        """What a variable is a copy of: the expression that is assigned, or None."""
        while isinstance(variable, self.nodes.Var):
            definitions = self.definitions.get(variable.name, ())
            if len(definitions) != 1:
                return None
            variable = definitions[0][1].value
        return variable

    def _is_short(self, given):
        """Whether a range is known to have few numbers."""
        arguments = [self._source(each) for each in getattr(self._source(given), "args", ())]
        if not arguments or not all(isinstance(each, self.nodes.Const) for each in arguments):
            return False
        return len(range(*(each.value for each in arguments))) < FEWEST

    # Whether all rounds do the same

    def _is_uniform(self, loop):
        body = self.blocks[loop.body].body[:-1]
        return (
            all(map(self._is_plain, body))
            and any(map(self._keeps_number, body))
            and all(self._starts_anew(each, loop) for each in self.blocks[loop.head].body)
        )

    def _is_number(self, name):
        return isinstance(self.activity.type_of(name), types.Number | types.Boolean)

    def _is_plain(self, statement):
        """Whether a statement reads, computes or stores numbers and does nothing else."""
        if isinstance(statement, self.nodes.SetItem | self.nodes.StaticSetItem):
            return self._is_number(statement.value.name)
        if not isinstance(statement, self.nodes.Assign):
            return False
        value, name = statement.value, statement.target.name
        if not isinstance(value, self.nodes.Expr):
            return True
        if self.activity.is_active(name) and not self._is_number(name) and value.op != "getattr":
            return False
        if value.op == "call":
            return not isinstance(self.activity.function_of(value.func), Dispatcher)
        may_raise = value.op in ("binop", "inplace_binop") and value.fn in DIVISIONS
        return value.op in IN_ROUND and not (may_raise and self.flags.error_model == "python")

    def _keeps_number(self, statement):
        """Whether a statement stores a number that carries something, or adds it to a sum."""
        if isinstance(statement, self.nodes.SetItem | self.nodes.StaticSetItem):
            return self.activity.is_active(statement.value.name)
        return id(statement) in self.summands

    def _starts_anew(self, statement, loop):
        """Whether a statement of the head takes no number over from the round before.

        But sums, and what was read from memory then.
        """
        if getattr(getattr(statement, "value", None), "op", None) != "phi":
            return True
        variable = statement.target
        if not self.activity.is_active(variable.name) or variable.name in self.sums:
            return True
        return self._is_number(variable.name) and self._was_read(variable, loop, set())

    def _was_read(self, variable, loop, seen):
        """Whether a variable is what a round has read from memory, or an earlier one."""
        definitions = self.definitions.get(getattr(variable, "name", None), ())
        if len(definitions) != 1:
            return False
        ((label, statement),) = definitions
        if label not in (loop.head, loop.body) or variable.name in seen:
            return variable.name in seen
        seen.add(variable.name)
        value = statement.value
        if isinstance(value, self.nodes.Var):
            return self._was_read(value, loop, seen)
        if getattr(value, "op", None) == "phi":
            pairs = zip(value.incoming_blocks, value.incoming_values, strict=True)
            return all(
                block == loop.before or self._was_read(each, loop, seen) for block, each in pairs
            )
        return label == loop.body and getattr(value, "op", None) in ELEMENTS

    # The second version

    def divide(self):
        """Give all loops that can have one a second version; return whether there are any."""
        for loop in self.found():
            self._add_version(loop)
        if self.versions:
            self._put_in_order()
        return bool(self.versions)

    def _add_version(self, loop):
        last = max(self.blocks)
        opening, head, body, closing, joining = range(last + 1, last + 6)
        names = self._renamed(loop)
        moved = {loop.head: head, loop.body: body, loop.before: opening, loop.after: closing}
        for label in (loop.head, loop.body):
            self.blocks[moved[label]] = self._copied(self.blocks[label], names, moved)
        for label, target in ((opening, head), (closing, joining), (joining, loop.after)):
            self.blocks[label] = self._jumping(loop, target)
        self._join(loop, joining, closing, names, {head, body})
        self._choose(loop, opening)
        self.versions.append(Version(opening, head, body, closing, loop.range))

    def _renamed(self, loop):
        """Make new variables for those that a loop assigns."""
        names = {}
        for label in (loop.head, loop.body):
            self.block = self.blocks[label]
            for statement in self.block.find_insts(self.nodes.Assign):
                name, self.loc = statement.target.name, statement.loc
                names[name] = self._like(statement.target)
        return names

    def _like(self, variable):
        """Make a new variable of which the same is known as of another."""
        new = self.block.scope.redefine(variable.name, self.loc)
        self.activity.inferred.variables[new.name] = self.activity.type_of(variable.name)
        self.activity.shapes[new.name] = self.activity.shape(variable.name)
        return new

    def _copied(self, block, names, moved):
        """Copy a block, with other variables and labels."""
        copied = self.nodes.Block(block.scope, block.loc)
        for statement in block.body:
            new = copy.copy(statement)
            value = getattr(new, "value", None)
            if isinstance(value, self.nodes.Expr):
                new.value = copy.copy(value)
                new.value._kws = dict(value._kws)
            replace_vars_stmt(new, names)
            if isinstance(new, self.nodes.Assign):
                self.activity.ir._definitions[new.target.name] = [new.value]
            relabel(self.nodes, new, moved)
            copied.append(new)
        return copied

    def _jumping(self, loop, target):
        scope, loc = self.blocks[loop.head].scope, self.blocks[loop.head].loc
        block = self.nodes.Block(scope, loc)
        block.append(self.nodes.Jump(target, loc))
        return block

    def _join(self, loop, joining, closing, names, versions):
        """Let both versions go on together, with what either of them has computed."""
        self.block, self.loc = self.blocks[joining], self.blocks[loop.head].loc
        inner = {loop.head, loop.body, joining, *versions}
        after = [block for label, block in self.blocks.items() if label not in inner]
        read = {each.name for block in after for each in variables_of(block)}
        outer = {}
        for name in sorted(read & set(names)):
            old = self.definitions[name][0][1].target
            joined = outer[name] = self._like(old)
            phi = self.nodes.Expr.phi(self.loc)
            phi.incoming_values[:] = [old, names[name]]
            phi.incoming_blocks[:] = [loop.head, closing]
            self.activity.ir._definitions[joined.name] = [phi]
            self.block.body.insert(0, self.nodes.Assign(phi, joined, self.loc))
        for statement in (each for block in after for each in block.body):
            replace_vars_stmt(statement, outer)
        self.blocks[loop.head].body[-1] = copy.copy(self.blocks[loop.head].terminator)
        relabel(self.nodes, self.blocks[loop.head].terminator, {loop.after: joining})
        for statement in self.blocks[loop.after].body:
            if getattr(getattr(statement, "value", None), "op", None) == "phi":
                relabel(self.nodes, statement, {loop.head: joining})

    def _choose(self, loop, opening):
        """Let the second version run where there are rounds enough."""
        self.block = self.blocks[loop.before]
        self.loc = self.block.terminator.loc
        func, named = self._constant("len", len)
        count = self.nodes.Expr.call(func, [loop.range], (), self.loc)
        fewest = self.nodes.Const(FEWEST, self.loc)
        rounds, least = self._defined("$rounds", count), self._defined("$fewest", fewest)
        test = self.nodes.Expr.binop(operator.ge, rounds, least, self.loc)
        chosen = self._defined("$enough", test)
        self.block.body[-1:] = [
            named,
            self.nodes.Assign(count, rounds, self.loc),
            self.nodes.Assign(fewest, least, self.loc),
            self.nodes.Assign(test, chosen, self.loc),
            self.nodes.Branch(chosen, opening, loop.head, self.loc),
        ]

    def _put_in_order(self):
        """Number the blocks anew, in the order in which code is written.

        Each comes after those from which it is entered first, and a body right after its head:
        before the end of the loop, where it is known what a round writes.
        """
        order = compute_cfg_from_blocks(self.blocks).topo_order()
        for each in self.versions:
            order.remove(each.body)
            order.insert(order.index(each.head) + 1, each.body)
        labels = {label: k for k, label in enumerate(order)}
        for block in self.blocks.values():
            for statement in block.body:
                relabel(self.nodes, statement, labels)
        ordered = {labels[label]: self.blocks[label] for label in order}
        self.blocks.clear()
        self.blocks.update(ordered)
        for each in self.versions:
            each.opening, each.head, each.body, each.closing = (
                labels[label] for label in (each.opening, each.head, each.body, each.closing)
            )

    # The marks

    def mark(self):
        """Put marks into the second versions, once all other statements are there."""
        for number, each in enumerate(self.versions):
            key = LoopKey(number)
            self.blocks[each.opening].body[-1:-1] = self._opened(each, key)
            body = self.blocks[each.body].body
            body[-1:-1] = self._marked(each.body, end_round, key)
            body[:0] = self._marked(each.body, begin_round, key)
            self.blocks[each.closing].body[-1:-1] = self._marked(each.closing, close_rounds, key)

    def _opened(self, version, key):
        """The statements that count the rounds and begin."""
        self.block = self.blocks[version.opening]
        self.loc = self.block.loc
        func, named = self._constant("len", len)
        count = self.nodes.Expr.call(func, [version.range], (), self.loc)
        rounds = self._defined("$rounds", count)
        counted = self.nodes.Assign(count, rounds, self.loc)
        return [named, counted, *self._marked(version.opening, open_rounds, key, rounds)]

    def _marked(self, label, function, key, *arguments):
        """The statements that call a function of marks."""
        self.block = self.blocks[label]
        self.loc = self.block.loc
        kind, told = self._constant("carrier", self.carrier)
        loop, numbered = self._constant("loop", key)
        func, named = self._constant("mark", function)
        call = self.nodes.Expr.call(func, [kind, loop, *arguments], (), self.loc)
        result = self._defined("$mark.result", call)
        return [told, numbered, named, self.nodes.Assign(call, result, self.loc)]


def variables_of(block):
    """All variables of the statements of a block."""
    for statement in block.body:
        yield from statement.list_vars()


def relabel(nodes, statement, labels):
    """Let a statement that names blocks name others."""
    if isinstance(statement, nodes.Jump):
        statement.target = labels.get(statement.target, statement.target)
    elif isinstance(statement, nodes.Branch):
        statement.truebr = labels.get(statement.truebr, statement.truebr)
        statement.falsebr = labels.get(statement.falsebr, statement.falsebr)
    elif getattr(getattr(statement, "value", None), "op", None) == "phi":
        incoming = statement.value.incoming_blocks
        statement.value._kws["incoming_blocks"] = [labels.get(each, each) for each in incoming]
