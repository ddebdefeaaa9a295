"""The statements that a function is made of, and new ones among them."""

import operator
from typing import Any

from numba import types
from numba.core import ir
from numba.core.ir_utils import get_definition, guard

from numgrad.arrays import activation
from numgrad.numbers.carrier import without_derivatives
from numgrad.twin.aliases import Container
from numgrad.twin.errors import located
from numgrad.twin.patterns import has_active, numbers_in

IN_A_SET = (
    "A set keeps one of numbers that are equal, whatever their derivatives.",
    "Use a list, or np.unique.",
)

GIVEN_CONTAINER = (
    "What is stored carries derivatives, which a list or a dictionary that the function is given "
    "can't hold.",
    "Let the function make it, as by list(items) at its start.",
)
# Methods that give a container an item, and its place among their arguments.
GIVING = {"append": 0, "add": 0, "insert": 1, "setdefault": 1}
STORING = "append insert extend setdefault update".split()


class Statements:
    """The statements of one function: new ones, changed ones, those that print or raise."""

    block: ir.Block  # where the rewriting is
    loc: ir.Loc
    state: Any  # Numba's, of the compilation

    def __init__(self, activity):
        self.activity = activity
        self.nodes = activity.nodes

    def _constant(self, name, value):
        """Return a new variable for an object, and the statement that assigns it."""
        constant = self.nodes.Global(name, value, self.loc)
        variable = self._defined(f"${name}", constant)
        return variable, self.nodes.Assign(constant, variable, self.loc)

    def _defined(self, name, value):
        variable = self.block.scope.redefine(name, self.loc)
        self.activity.ir._definitions[variable.name] = [value]
        return variable

    def _set_call(self, statement, func, arguments):
        call = statement.value
        changed = self.nodes.Expr.call(func, arguments, call.kws, call.loc, call.vararg)
        self._set(statement, changed)

    def _set(self, statement, value):
        """Let a statement assign another value."""
        definitions = self.activity.ir._definitions[statement.target.name]
        definitions[:] = [value if item is statement.value else item for item in definitions]
        statement.value = value

    def _replaced_build_set(self, statement):
        """Raise where numbers with derivatives are put into a set."""
        if self.activity.is_active(statement.target.name):
            raise self._located(*IN_A_SET)
        return []

    def _check_containers(self, statement):
        """Raise where a set is made of such numbers, or a method stores one where none fits."""
        call, activity = statement.value, self.activity
        owner, method = activity.method_of(call.func)
        if method in STORING:
            self._check_container(owner)
        sets = [statement.target] if owner is None else [statement.target, owner]
        is_given = any(activity.is_active(var.name) for var in call.list_vars() if var != call.func)
        if is_given and any(isinstance(activity.type_of(v.name), types.Set) for v in sets):
            raise self._located(*IN_A_SET)

    def _check_container(self, owner):
        """Raise if numbers with derivatives are stored in a list that came as one of others."""
        definition = guard(get_definition, self.activity.ir, owner)
        shape = self.activity.shape(owner.name)
        if not (isinstance(definition, self.nodes.Arg) and isinstance(shape, Container)):
            return
        kind = self.state.args[definition.index]
        is_plain = without_derivatives(kind) == kind
        if is_plain and has_active(numbers_in(shape.items, self.activity)):
            raise self._located(*GIVEN_CONTAINER)

    def _replaced_inplace_binop(self, statement):
        self._check_container(statement.value.lhs)
        return []

    def _replaced_binop(self, statement):
        """Look by value whether a number is in a set of constants."""
        value, activity = statement.value, self.activity
        in_a_set = value.fn is operator.contains and isinstance(
            activity.type_of(value.lhs.name), types.Set
        )
        if not in_a_set or not activity.is_active(value.rhs.name):
            return []
        shown, before = self._shown(value.rhs, activation.shown)
        changed = self.nodes.Expr.binop(value.fn, value.lhs, shown, value.loc)
        self._set(statement, changed)
        return before

    def _located(self, reason, advice):
        name = self.state.func_id.func_name
        return located(name, self.loc.filename, self.loc.line, reason, advice)

    # Text has no derivatives

    def _printed(self, statement):
        """Print numbers without their derivatives."""
        statement.args, before = self._all_shown(statement.args)
        return [*before, statement]

    def _raised(self, statement):
        """Let an exception carry numbers without their derivatives."""
        shown, before = self._all_shown(statement.exc_args or ())
        statement.exc_args = tuple(shown)
        return [*before, statement]

    def _all_shown(self, values, by=activation.shown):
        shown, before = [], []
        for value in values:
            result, added = self._shown(value, by)
            shown.append(result)
            before += added
        return shown, before

    def _shown(self, var, by):
        """Return a variable for a value without derivatives, and the statements before it."""
        if not isinstance(var, self.nodes.Var) or not self.activity.is_active(var.name):
            return var, []
        func, named = self._constant("shown", by)
        call = self.nodes.Expr.call(func, [var], (), self.loc)
        result = self._defined("$shown.result", call)
        return result, [named, self.nodes.Assign(call, result, self.loc)]
