"""Loop variables that are nothing but sums.

Such a variable is one cell that numbers are added to, and may keep its place on a tape; a chain of
statements, one for each round, would be twice as long. That is right as long as whoever reads the
variable finds in the cell what it was assigned: no older *version* of it may be read after a newer
one was made. Versions are the variables of static single assignment; they are read

- by the sums themselves, and by what merges and copies them: at most once on any path;
- outside of the loop, where nothing is added after what is read.

Within the loop nothing else may read them.
"""

import operator
from dataclasses import dataclass, field
from typing import Any

from numba import types
from numba.core.analysis import compute_cfg_from_blocks

ADDING = {operator.add: operator.add, operator.iadd: operator.add}
SUBTRACTING = {operator.sub: operator.sub, operator.isub: operator.sub}
END = 1 << 30  # behind all statements of a block
MOST_SUMMANDS = 48  # of one variable: a check takes as many squared


@dataclass
class Sum:
    """One loop variable: the statements that add to it, and where it starts."""

    name: str
    loop: Any
    members: dict[str, Any] = field(default_factory=dict)  # versions: their definitions
    adding: dict[int, Any] = field(default_factory=dict)  # by statement: see `Summand`
    starts: list[Any] = field(default_factory=list)  # blocks, and the variables that come from them


@dataclass
class Summand:
    """A statement that adds to a sum."""

    statement: Any
    label: int
    version: Any  # the variable before
    number: Any  # what is added
    function: Any  # `operator.add` or `operator.sub`


class Sums:
    """The loop variables of one function that are sums."""

    def __init__(self, activity, definitions, uses):
        self.activity, self.nodes = activity, activity.nodes
        self.definitions, self.uses = definitions, uses
        self.blocks = activity.ir.blocks
        self.graph = compute_cfg_from_blocks(self.blocks)
        self.places = {
            id(statement): (label, k)
            for label, block in self.blocks.items()
            for k, statement in enumerate(block.body)
        }

    def found(self):
        """List the sums, those of outer loops first."""
        sums, taken = [], set()
        loops = sorted(self.graph.loops().values(), key=lambda loop: -len(loop.body))
        for loop in loops:
            for statement in self.blocks[loop.header].body:
                if not self._is_phi(statement) or statement.target.name in taken:
                    continue
                found = self._sum_of(statement.target.name, loop)
                if found is not None and found.adding and self._is_sound(found):
                    sums.append(found)
                    taken |= set(found.members)
        return sums

    def _is_phi(self, statement):
        value = getattr(statement, "value", None)
        return isinstance(value, self.nodes.Expr) and value.op == "phi"

    def _function(self, statement):
        """The operator of a sum or a difference, or None."""
        value = getattr(statement, "value", None)
        if not isinstance(value, self.nodes.Expr) or value.op not in ("binop", "inplace_binop"):
            return None
        return (ADDING | SUBTRACTING).get(value.fn)

    def _is_float(self, name):
        is_float = isinstance(self.activity.type_of(name), types.Float)
        return is_float and len(self.definitions.get(name, ())) == 1

    def _sum_of(self, name, loop):
        """Collect what a loop variable is made of, if it is by sums alone."""
        if not (self._is_float(name) and self.activity.is_active(name)):
            return None
        made_of_it = self._made_of(name, loop)
        found, waiting = Sum(name, loop), [name]
        while waiting:
            version = waiting.pop()
            if version in found.members:
                continue
            if version not in made_of_it:
                return None
            ((label, statement),) = self.definitions[version]
            found.members[version] = statement
            before = self._before(found, label, statement, made_of_it)
            if before is None:
                return None
            waiting += before
        return found

    def _made_of(self, name, loop):
        """The variables that a loop variable comes to within the loop, by copies and sums."""
        found, waiting = set(), [name]
        while waiting:
            version = waiting.pop()
            if version in found or not self._is_float(version):
                continue
            found.add(version)
            for label, statement in self.uses.get(version, ()):
                is_step = self._is_phi(statement) or self._function(statement) is not None
                is_copy = isinstance(getattr(statement, "value", None), self.nodes.Var)
                is_assignment = isinstance(statement, self.nodes.Assign)
                if label in loop.body and is_assignment and (is_step or is_copy):
                    waiting.append(statement.target.name)
        return found

    def _before(self, found, label, statement, made_of_it):
        """List the versions that a statement makes one of; None if it does anything else."""
        value = statement.value
        if self._is_phi(statement):
            before = []
            for block, each in zip(value.incoming_blocks, value.incoming_values, strict=True):
                if not isinstance(each, self.nodes.Var):
                    return None
                if each.name in made_of_it:
                    before.append(each.name)
                elif statement.target.name == found.name and block not in found.loop.body:
                    found.starts.append((block, each))
                else:
                    return None
            return before
        if isinstance(value, self.nodes.Var):
            return [value.name]
        function = self._function(statement)
        operands = [] if function is None else [value.lhs, value.rhs]
        versions = [each for each in operands if each.name in made_of_it]
        if len(versions) != 1 or (function is operator.sub and versions[0] is value.rhs):
            return None
        (version,) = versions
        number = value.rhs if version is value.lhs else value.lhs
        found.adding[id(statement)] = Summand(statement, label, version, number, function)
        return [version.name]

    # Whether no older version is read after a newer one was made

    def _is_sound(self, found):
        if len(found.adding) > MOST_SUMMANDS:
            return False
        inner = {id(statement) for statement in found.members.values()}
        for version, definition in found.members.items():
            for label, statement in self.uses.get(version, ()):
                is_inner = id(statement) in inner
                if not is_inner and label in found.loop.body:
                    return False
                for place in self._places_of_use(version, statement):
                    if self._is_read_late(found, definition, place):
                        return False
        return True

    def _places_of_use(self, version, statement):
        """The places where a statement reads a version: a phi at the ends of blocks before."""
        if not self._is_phi(statement):
            return [self.places[id(statement)]]
        pairs = zip(statement.value.incoming_blocks, statement.value.incoming_values, strict=True)
        return [(block, END) for block, each in pairs if getattr(each, "name", None) == version]

    def _is_read_late(self, found, definition, place):
        """Whether something is added after a definition, and before the place where it is read."""
        start = self.places[id(definition)]
        for each in found.adding.values():
            adding = self.places[id(each.statement)]
            if adding in (start, place):
                continue
            if self._reaches(start, adding, start) and self._reaches(adding, place, start):
                return True
        return False

    def _reaches(self, start, goal, cut):
        """Whether a path leads from one place to another and not through a third."""
        (label, k), (goal_label, goal_k), (cut_label, cut_k) = start, goal, cut
        is_cut = label == cut_label and k < cut_k < goal_k
        if label == goal_label and k < goal_k and not is_cut:
            return True
        if label == cut_label and cut_k > k:
            return False
        seen, waiting = set(), [after for after, _ in self.graph.successors(label)]
        while waiting:
            label = waiting.pop()
            if label in seen:
                continue
            seen.add(label)
            is_cut = label == cut_label
            if label == goal_label and not (is_cut and cut_k < goal_k):
                return True
            if not is_cut:
                waiting += [after for after, _ in self.graph.successors(label)]
        return False
