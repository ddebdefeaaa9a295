"""Where the temporaries of a carrier become numbers that are kept.

Some carriers have temporaries: what an operation makes of them lives in registers, and its type
says what it was made of (`numgrad.numbers.tape.type`). It must not outlive that: what a loop hands
to its next round, what is passed to another function, put into a container or returned is *held*,
which makes a stored number of it. That is done here at the definitions of variables.

Where a variable is read from memory, its type gets an identity, the place in the program. It is
sound, for between two rounds of a loop all numbers are held: those of one identity that meet in an
operation were all made since the place was passed last.
"""

import operator
from typing import Any

from numba import types
from numba.core.analysis import compute_cfg_from_blocks

from numgrad.numbers.carrier import carrier_in, carriers_in, is_carrier
from numgrad.numbers.temporaries import (
    Identity,
    accumulated,
    claimed,
    diminished,
    has_temporary,
    held,
    identified,
)
from numgrad.rules.registry import TABLE
from numgrad.twin.origins import hashable
from numgrad.twin.statements import Statements
from numgrad.twin.sums import Sums

OPERATIONS = ("binop", "inplace_binop", "unary")
READS = ("cast", "getitem", "static_getitem", "typed_getitem", "pair_first", "exhaust_iter")
NUMBER = types.Number | types.Boolean
HOLDING = types.Float | types.Complex | types.BaseTuple | types.Optional  # what may hold a number
CONSTANTS = "Global", "FreeVar", "Const"
DEEPEST = 8  # the terms of an index that are looked at, one in another
PLAIN = "$plain"  # variables that the next statement holds, and nothing else reads


class Temporaries(Statements):
    """The statements of one function, in which no temporary outlives its operands."""

    def __init__(self, activity, carrier):
        super().__init__(activity)
        self.carrier = carrier
        blocks = activity.ir.blocks
        self.loops = set(compute_cfg_from_blocks(blocks).loops())
        self.definitions: dict[str, list[Any]] = {}  # blocks and statements
        self.uses: dict[str, list[Any]] = {}
        for label, block in blocks.items():
            for statement in block.body:
                self._take_down(label, statement)
        self.sums = Sums(activity, self.definitions, self.uses).found()
        self.summands = {key: each for found in self.sums for key, each in found.adding.items()}
        self.kept = {name for name in self.definitions if not self._may_be_temporary(name)}
        self.aliases: dict[str, object] = {}  # identified variables, by those they stand for
        self.read: dict[Any, int] = {}  # identities of elements, by arrays and indices
        self.identities = 0

    def _take_down(self, label, statement):
        """Take down the uses and the definition that a statement is."""
        used = statement.list_vars()
        if isinstance(statement, self.nodes.Assign):
            name = statement.target.name
            self.definitions.setdefault(name, []).append((label, statement))
            used = getattr(statement.value, "list_vars", list)()
            if isinstance(statement.value, self.nodes.Var):
                used = [statement.value]
        for variable in used:
            self.uses.setdefault(variable.name, []).append((label, statement))

    # What variables and statements are

    def _may_hold_temporary(self, name):
        """Whether a variable may be, or hold, a number that carries something.

        Of variables that the rewriting added nothing is known.
        """
        kind = self.activity.type_of(name)
        if kind is None:
            return True
        return isinstance(kind, HOLDING) and self.activity.is_active(name)

    def _is_number(self, variable):
        return isinstance(self.activity.type_of(variable.name), NUMBER)

    def _is_operation(self, statement):
        """Whether a statement assigns what the table makes of numbers."""
        value = getattr(statement, "value", None)
        if not isinstance(value, self.nodes.Expr):
            return False
        if value.op in OPERATIONS:
            is_sum = id(statement) in self.summands
            return not is_sum and all(map(self._is_number, value.list_vars()))
        if value.op != "call" or value.kws or value.vararg:
            return False
        function = self.activity.function_of(value.func)
        if not hashable(function) or function not in TABLE or TABLE[function].kind == "composite":
            return False
        return all(map(self._is_number, value.args))

    def _is_copy(self, statement):
        is_assignment = isinstance(statement, self.nodes.Assign)
        return is_assignment and isinstance(statement.value, self.nodes.Var)

    def _is_phi(self, statement):
        value = getattr(statement, "value", None)
        return isinstance(value, self.nodes.Expr) and value.op == "phi"

    def _is_branch_phi(self, label, statement):
        """Whether numbers meet here after a branch, and not at the head of a loop."""
        return (
            self._is_phi(statement)
            and label not in self.loops
            and all(
                isinstance(each, self.nodes.Var) and self._is_number(each)
                for each in statement.value.incoming_values
            )
        )

    def _hands_on(self, label, statement):
        """Whether what is assigned is a temporary where its operands are."""
        return (
            self._is_operation(statement)
            or self._is_copy(statement)
            or self._is_branch_phi(label, statement)
        )

    def _is_stored(self, label, statement):
        """Whether what is assigned is a stored number, or holds such."""
        value = statement.value
        return isinstance(value, self.nodes.Arg) or (
            isinstance(value, self.nodes.Expr) and value.op in READS
        )

    def _may_be_temporary(self, name):
        """Whether all uses of a variable are of temporaries as well."""
        return len(self.definitions[name]) == 1 and all(
            self._hands_on(*use) or self._is_summand(use[1], name)
            for use in self.uses.get(name, ())
        )

    def _is_summand(self, statement, name):
        """Whether a statement adds a number to a sum."""
        summand = self.summands.get(id(statement))
        return summand is not None and summand.number.name == name

    # The statements

    def run(self):
        for found in self.sums:
            self._start(found)
        for label, block in self.activity.ir.blocks.items():
            self.block = block
            self.read.clear()
            phis, body = [], []
            for statement in block.body:
                self.loc = statement.loc
                writes = self._writes(statement)
                changed = self._changed(label, statement)
                if self._is_phi(changed[0]):
                    phis.append(changed[0])
                    body += changed[1:]
                else:
                    body += changed
                if writes:
                    self.read.clear()
            block.body = phis + body
        for block in self.activity.ir.blocks.values():
            for statement in block.body:
                self._use_aliases(statement)

    def _changed(self, label, statement):
        """The statements in the place of one."""
        if not isinstance(statement, self.nodes.Assign):
            return [statement]
        name, value = statement.target.name, statement.value
        if type(value).__name__ in CONSTANTS or not self._may_hold_temporary(name):
            return [statement]
        if id(statement) in self.summands:
            return self._added(statement, self.summands[id(statement)])
        hands_on = self._hands_on(label, statement)
        if hands_on and name not in self.kept:
            return [statement]
        if hands_on or not self._is_stored(label, statement):
            return [*self._through(statement, self._held), *self._alias(statement)]
        if name in self.kept or not self._is_number(statement.target):
            return [statement, *self._alias(statement)]
        identity = self._identity(value)
        return self._through(statement, lambda plain: self._identified(plain, identity))

    def _start(self, found):
        """Let a sum have a place of its own from where the loop is entered."""
        phi = found.members[found.name].value
        for label, variable in found.starts:
            self.block, self.loc = self.activity.ir.blocks[label], found.members[found.name].loc
            kind, told = self._constant("carrier", self.carrier)
            func, named = self._constant("claimed", claimed)
            call = self.nodes.Expr.call(func, [kind, variable], (), self.loc)
            start = self._defined(f"{variable.name}.sum", call)
            assign = self.nodes.Assign(call, start, self.loc)
            self.block.body[-1:-1] = [told, named, assign]
            phi.incoming_values[phi.incoming_blocks.index(label)] = start

    def _added(self, statement, summand):
        """Let a statement add to a sum in its place."""
        chosen = accumulated if summand.function is operator.add else diminished
        func, named = self._constant(chosen.__name__, chosen)
        arguments = [summand.version, summand.number]
        self._set(statement, self.nodes.Expr.call(func, arguments, (), self.loc))
        return [named, statement, *self._alias(statement)]

    def _writes(self, statement):
        """Whether a statement may write to memory, and what was read is to be read again."""
        if not isinstance(statement, self.nodes.Assign):
            return True
        value = statement.value
        may_write = isinstance(value, self.nodes.Expr) and value.op in ("call", "inplace_binop")
        return may_write and not self._is_operation(statement)

    def _through(self, statement, function):
        """Let a variable be what a function makes of what is assigned to it."""
        plain = self._defined(PLAIN, statement.value)
        before = self.nodes.Assign(statement.value, plain, self.loc)
        call, named = function(plain)
        self._set(statement, call)
        return [before, *named, statement]

    def _held(self, variable):
        """The call that holds a value, and the statements before it."""
        func, named = self._constant("held", held)
        return self.nodes.Expr.call(func, [variable], (), self.loc), [named]

    def _identified(self, variable, identity):
        """The call that takes a number to be read here alone, and the statements before it."""
        place, told = self._constant("place", Identity(identity))
        func, named = self._constant("identified", identified)
        return self.nodes.Expr.call(func, [place, variable], (), self.loc), [told, named]

    def _alias(self, statement):
        """Add an identified variable of a stored number, for the operations that use it."""
        name = statement.target.name
        uses = self.uses.get(name, ())
        if (
            not self._is_number(statement.target)
            or len(self.definitions[name]) > 1
            or not any(self._takes_alias(use) for _, use in uses)
        ):
            return []
        call, named = self._identified(statement.target, self._new_identity())
        self.aliases[name] = alias = self._defined(f"{name}.leaf", call)
        return [*named, self.nodes.Assign(call, alias, self.loc)]

    def _takes_alias(self, statement):
        if id(statement) in self.summands:
            return True
        is_kept = isinstance(statement, self.nodes.Assign) and statement.target.name in self.kept
        return self._is_operation(statement) or (self._is_copy(statement) and not is_kept)

    def _identity(self, value):
        """The identity of what is read: that of the same element read before."""
        op = getattr(value, "op", None)
        if op not in ("getitem", "static_getitem"):
            return self._new_identity()
        index = self._known(value.index) if op == "getitem" else (type(value.index), value.index)
        return self.read.setdefault((value.value.name, index), self._new_identity())

    def _known(self, variable, depth=0):
        """What is known of an index: two that are equal have one value in a round of a loop."""
        name = variable.name
        definitions = self.definitions.get(name, ())
        if len(definitions) != 1 or depth > DEEPEST:
            return name
        value = definitions[0][1].value
        if isinstance(value, self.nodes.Var):
            return self._known(value, depth + 1)
        if isinstance(value, self.nodes.Const):
            return type(value.value), value.value
        op = getattr(value, "op", None)
        if op == "build_tuple":
            return tuple(self._known(each, depth + 1) for each in value.items)
        if op == "binop" and isinstance(self.activity.type_of(name), types.Integer):
            return value.fn, self._known(value.lhs, depth + 1), self._known(value.rhs, depth + 1)
        return name

    def _new_identity(self):
        self.identities += 1
        return self.identities

    def _use_aliases(self, statement):
        if not isinstance(statement, self.nodes.Assign) or not self._takes_alias(statement):
            return
        value = statement.value
        if isinstance(value, self.nodes.Var):
            statement.value = self.aliases.get(value.name, value)
            return
        for key, used in value._kws.items():
            if isinstance(used, self.nodes.Var):
                value._kws[key] = self.aliases.get(used.name, used)
        if id(statement) in self.summands:
            sum_before, number = value.args
            value._kws["args"] = [sum_before, self.aliases.get(number.name, number)]
        elif value.op == "call":
            value._kws["args"] = [self.aliases.get(each.name, each) for each in value.args]


def outliving(function_ir, typemap):
    """Find a variable that holds a temporary where none may be, or None.

    It can't happen if what is above is right: a last look, since the derivative would be wrong in
    silence.
    """
    loops = set(compute_cfg_from_blocks(function_ir.blocks).loops())
    for label, block in function_ir.blocks.items():
        for statement in block.body:
            if type(statement).__name__ != "Assign":
                continue
            kind = typemap[statement.target.name]
            is_loop_variable = getattr(statement.value, "op", None) == "phi" and label in loops
            is_held = is_carrier(kind) or (
                isinstance(kind, types.BaseTuple) and statement.target.name.startswith(PLAIN)
            )
            if has_temporary(kind) and (is_loop_variable or not is_held):
                return statement
    return None


def are_unlike(argtypes):
    """Whether numbers of one depth carry along values that carry something and such that don't.

    It can't happen either. They would not have their places among each other.
    """
    depths_of_values: dict[int, Any] = {}
    for argtype in argtypes:
        carrier = carrier_in(argtype)
        while is_carrier(carrier):
            if carrier.has_temporaries:
                found = depths_of_values.setdefault(carrier.depth, set())
                found.add(tuple(carriers_in(carrier.value)))
            carrier = carrier.value
    return any(len(found) > 1 for found in depths_of_values.values())
