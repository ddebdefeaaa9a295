"""The statements of a function, changed so that it computes with duals.

Compiled callees are replaced by their twins; active memory is allocated as duals; and where types
must be the same, as in a list, constants become duals. The activity is known before
(`numgrad.twin.activity`); no memory changes from floats to duals after its birth.
"""

from numba import types
from numba.core.dispatcher import Dispatcher
from numba.core.ir_utils import get_definition, guard

from numgrad.arrays import activation, creation
from numgrad.numbers.carrier import carrier_in
from numgrad.targets import cuda_device
from numgrad.twin import effects, object_mode
from numgrad.twin.aliases import Container, Object, Place
from numgrad.twin.callees import is_number_class
from numgrad.twin.calls import EXTREMES
from numgrad.twin.classes import Instances
from numgrad.twin.origins import hashable
from numgrad.twin.outside import check_unwritten
from numgrad.twin.patterns import has_active, numbers_in, pattern_of
from numgrad.twin.statements import GIVING


class Rewriting(Instances):
    """The statements of one function, changed for one number."""

    def __init__(self, state, activity, carrier, active_versions, is_recursive):
        super().__init__(activity)
        self.state = state
        self.carrier = carrier
        self.active_versions = active_versions  # those of the callees
        self.is_recursive = is_recursive
        self.inactive_callees = callees_without_derivatives(activity)
        self.registered = False  # whether Numba must take in what was registered

    def run(self):
        for block in self.activity.ir.blocks.values():
            self.block = block
            block.body = [
                replaced for statement in block.body for replaced in self._replaced(statement)
            ]

    def _replaced(self, statement):
        """The statements in the place of one."""
        self.loc = statement.loc
        if isinstance(statement, self.nodes.Print):
            return self._printed(statement)
        if isinstance(statement, self.nodes.DynamicRaise | self.nodes.DynamicTryRaise):
            return self._raised(statement)
        if isinstance(statement, self.nodes.SetItem | self.nodes.StaticSetItem):
            return self._item_set(statement) or self._stored(statement, statement.target)
        if isinstance(statement, self.nodes.StoreMap):
            return self._stored(statement, statement.dct)
        if isinstance(statement, self.nodes.Assign):
            return self._assigned(statement)
        if isinstance(statement, self.nodes.Return) and self.is_recursive:
            return self._returned(statement)
        return [statement]

    def _assigned(self, statement):
        value, born = statement.value, self._pattern_at_birth(statement)
        is_expression = isinstance(value, self.nodes.Expr)
        operation = value.op if is_expression else type(value).__name__
        before = self._operation(statement) if is_expression else []
        if not before:
            replace = getattr(self, f"_replaced_{operation}", None)
            before = [] if replace is None else replace(statement)
        return [*before, *self._born(statement, born)]

    # The birth of memory

    def _born(self, statement, pattern):
        """Let a variable hold duals from the start, where what is assigned may be floats."""
        if not has_active(pattern):
            return [statement]
        plain = self.block.scope.redefine("$plain", self.loc)
        self.activity.ir._definitions[plain.name] = [statement.value]
        before = [self.nodes.Assign(statement.value, plain, self.loc)]
        before += self._apart(plain, self.activity.shape(statement.target.name), pattern)
        call, added = self._as_duals(plain, pattern)
        self._set(statement, call)
        return [*before, *added, statement]

    def _pattern_at_birth(self, statement):
        """The pattern of a value that becomes duals as it is assigned to a variable."""
        activity, name, value = self.activity, statement.target.name, statement.value
        if not activity.is_active(name) or self._is_allocated_active(statement):
            return None
        if isinstance(value, self.nodes.Arg):
            kind = self.state.args[value.index]
            return self._pattern_of_argument(activity.shape(name), kind, value.name)
        is_constant = isinstance(value, self.nodes.Global | self.nodes.FreeVar)
        is_new, is_outside = name in activity.new, name in activity.outside
        is_named = isinstance(activity.type_of(name), types.BaseNamedTuple)
        is_list = isinstance(activity.type_of(name), types.List)
        is_carrier = is_new and self._is_computed_of_duals(value)

        def becomes_active(place, in_container):
            if not activity.carries(place):
                return False
            if in_container:
                return is_new and is_list and not place.is_memory
            if not place.is_memory:
                return is_named
            is_unwritten = is_constant or not place.find().is_written
            return (is_unwritten and is_outside) or (is_new and not (is_carrier and is_unwritten))

        def of_object(shape):
            return self._active_object(shape) if is_new else None

        return pattern_of(activity.shape(name), becomes_active, of_object=of_object)

    def _is_allocated_active(self, statement):
        """Whether an allocation is replaced, or typed by its arguments."""
        value, activity = statement.value, self.activity
        is_call = isinstance(value, self.nodes.Expr) and value.op == "call"
        return is_call and (
            activity.is_comprehension(statement.target)
            or self._is_construction(value)
            or self._stand_in(statement)[0] is not None
        )

    def _pattern_of_argument(self, shape, kind, name):
        """The pattern of an argument's active parts that came without derivatives.

        A copy may stand for memory that nobody writes to while the function runs. The caller of a
        generator may write to it before the function goes on.
        """
        if isinstance(shape, tuple) and isinstance(kind, types.BaseTuple):
            pairs = zip(shape, kind.types, strict=True)
            return tuple(self._pattern_of_argument(*pair, name) for pair in pairs)
        if isinstance(shape, Object):
            return self._object_of_argument(shape, kind, name)
        if not isinstance(shape, Place) or carrier_in(kind) is not None:
            return None
        if not self.activity.carries(shape):
            return None
        may_change = shape.find().is_written or self.activity.ir.is_generator
        return None if shape.is_memory and may_change else True

    def _is_computed_of_duals(self, value):
        """Whether a new array holds duals by the rules, since an operand does."""
        if not isinstance(value, self.nodes.Expr):
            return False
        if value.op == "call" and not self._is_known(value.func):
            return False
        return any(self.activity.is_active(var.name) for var in value.list_vars())

    def _is_known(self, func):
        """Whether a callee is a function or a method of the table of effects."""
        if isinstance(self.activity.type_of(func.name), types.BoundFunction):
            return True
        function = self.activity.function_of(func)
        return hashable(function) and function in effects.FUNCTIONS

    def _as_duals(self, variable, pattern):
        """Return the call that makes duals of parts of a value, and the statements before it."""
        kind, before = self._constant("carrier", self.carrier)
        if pattern is True:
            func, named = self._constant("activated", activation.activated_item)
            return self.nodes.Expr.call(func, [kind, variable], (), self.loc), [before, named]
        parts, told = self._constant("pattern", activation.Pattern(pattern))
        func, named = self._constant("activated", activation.activated_parts)
        call = self.nodes.Expr.call(func, [kind, parts, variable], (), self.loc)
        return call, [before, told, named]

    def _made_active(self, variable, pattern):
        """Return a new variable for a value with duals in some parts, and its statements."""
        if not has_active(pattern):
            return variable, []
        call, before = self._as_duals(variable, pattern)
        result = self._defined("$activated.result", call)
        return result, [*before, self.nodes.Assign(call, result, self.loc)]

    # Where types must be the same

    def _replaced_build_list(self, statement):
        return self._displayed(statement, self._item_pattern(statement.target))

    def _replaced_build_tuple(self, statement):
        """Let functions be called by address, and numbers be duals in what must be of one type."""
        shape, value = self.activity.shape(statement.target.name), statement.value
        if not isinstance(shape, tuple):
            return self._displayed(statement, None)
        patterns = [numbers_in(part, self.activity) for part in shape]
        return self._displayed(statement, *patterns) if value.items else []

    def _displayed(self, statement, *patterns):
        """Let items of a display be duals where their patterns say so."""
        display = statement.value
        by_address = self.active_versions.by_address(
            [self.activity.value_of(item) for item in display.items], self.carrier
        )
        if by_address:
            constants = [self._constant("function", each) for each in by_address]
            items, before = map(list, zip(*constants, strict=True))
            return self._with_items(statement, items, before)
        patterns = patterns * len(display.items) if len(patterns) == 1 else patterns
        items, before = [], []
        for item, pattern in zip(display.items, patterns, strict=True):
            result, added = self._item_made_active(item, pattern)
            items.append(result)
            before += added
        return self._with_items(statement, items, before)

    def _item_made_active(self, item, pattern):
        """Return a variable for an item; what was computed of duals is one already."""
        if pattern is True and self._is_surely_active(item):
            return item, []
        return self._made_active(item, pattern)

    def _is_surely_active(self, item):
        """Whether a number carries derivatives by an operation that always hands them on."""
        if not self.activity.is_active(item.name):
            return False
        definition = guard(get_definition, self.activity.ir, item)
        return isinstance(definition, self.nodes.Expr) and definition.op == "binop"

    def _with_items(self, statement, items, before):
        """Give a display other items; return the statements that assign them."""
        display = statement.value
        changed = self.nodes.Expr(display.op, display.loc, **{**display._kws, "items": list(items)})
        self._set(statement, changed)
        return list(before)

    def _item_pattern(self, container):
        """The pattern of the items of a container."""
        shape = self.activity.shape(container.name)
        if not isinstance(shape, Container):
            return None
        return numbers_in(shape.items, self.activity)

    def _stored(self, statement, owner):
        """Let an item of a comprehension, a list or a dictionary be a carrier like the rest.

        They have the type of their first item.
        """
        self._check_container(owner)
        pattern = self._item_pattern(owner)
        if self.activity.replaces_slice(owner, statement.value):
            pattern = None  # its items are alike already
        if self.activity.is_comprehension(owner) and self.activity.is_active(owner.name):
            pattern = True
        statement.value, before = self._item_made_active(statement.value, pattern)
        return [*before, statement]

    def _replaced_build_map(self, statement):
        pattern, pairs, before = self._item_pattern(statement.target), [], []
        for key, value in statement.value.items:
            result, added = self._item_made_active(value, pattern)
            pairs.append((key, result))
            before += added
        return self._with_items(statement, pairs, before)

    def _replaced_getiter(self, statement):
        return self._walked(statement, "value")

    _replaced_getitem = _replaced_getiter

    def _replaced_typed_getitem(self, statement):
        """Let items of one type that ``literal_unroll`` goes through have one type with duals."""
        before = self._walked(statement, "value")
        value, target = statement.value, statement.target.name
        if self.activity.is_active(target):
            dtype = self._shadow_type(value.dtype, self.activity.shape(target))
            changed = self.nodes.Expr(value.op, value.loc, **{**value._kws, "dtype": dtype})
            self._set(statement, changed)
        return before

    def _walked(self, statement, operand):
        """Let all items of a tuple in a loop be duals if one of them is."""
        value = statement.value
        owner = value._kws[operand]
        changed, before = self._evened(owner)
        if before:
            replaced = self.nodes.Expr(value.op, value.loc, **{**value._kws, operand: changed})
            self._set(statement, replaced)
        return before

    def _evened(self, owner):
        """Return a variable for a tuple whose numbers are all duals, and the statements before."""
        shape = self.activity.shape(owner.name)
        if not isinstance(shape, tuple):
            return owner, []
        return self._made_active(owner, numbers_in(shape, self.activity))

    def _returned(self, statement):
        """Return a carrier where another branch does.

        Of two functions that call each other, Numba types the inner one by those branches of the
        outer one that it can type already, and that must be the type of all of them.
        """
        pattern = numbers_in(self.activity.returned, self.activity)
        statement.value, before = self._made_active(statement.value, pattern)
        return [*before, statement]

    # Calls

    def _replaced_call(self, statement):
        self._check_containers(statement)
        for replace in (
            self._given_by_value,
            self._given,
            self._evened_extremes,
            self._allocated,
            self._own_method,
        ):
            before = replace(statement)
            if before:
                return before
        return []

    def _given_by_value(self, statement):
        """Give a block of object mode values, of which only whole numbers come back."""
        call = statement.value
        if not object_mode.takes_values(self.activity, call, self.state.func_id.func_name):
            return []
        arguments, before = self._all_shown(call.args, object_mode.value_of)
        self._set_call(statement, call.func, arguments)
        return before

    def _given(self, statement):
        """Let an item given to a container by a method be a carrier like the rest."""
        call = statement.value
        owner, name = self.activity.method_of(call.func)
        place = GIVING.get(name, len(call.args))
        if owner is None or place >= len(call.args):
            return []
        arguments = list(call.args)
        arguments[place], before = self._item_made_active(
            arguments[place], self._item_pattern(owner)
        )
        if before:
            self._set_call(statement, call.func, arguments)
        return before

    def _evened_extremes(self, statement):
        call = statement.value
        if self.activity.function_of(call.func) not in EXTREMES or len(call.args) != 1:
            return []
        changed, before = self._evened(call.args[0])
        if before:
            self._set_call(statement, call.func, [changed])
        return before

    def _allocated(self, statement):
        """Replace NumPy's allocations and conversions that may carry derivatives."""
        call = statement.value
        stand_in, owner = self._stand_in(statement)
        if stand_in is None:
            return []
        function, named = self._constant(stand_in.__name__, stand_in)
        kind, before = self._constant("carrier", self.carrier)
        number_class = [call.func] if self._is_class(call.func) else []
        arguments, told = self._with_item_types(statement, call.args)
        self._set_call(statement, function, [kind, *owner, *arguments, *number_class])
        return [named, before, *told]

    def _stand_in(self, statement):
        """The stand-in for a statement's callee, and the object of a method."""
        call, is_active = statement.value, self.activity.is_active
        function = self.activity.value_of(call.func)
        if self._is_class(call.func):
            return (creation.as_number if any(is_active(v.name) for v in call.args) else None), []
        if function is not None:
            known = hashable(function) and function in creation.REPLACEMENTS
            if known and is_active(statement.target.name):
                return creation.REPLACEMENTS[function], []
            return None, []
        owner, name = self.activity.method_of(call.func)
        if owner is not None and is_active(owner.name) and name in creation.METHODS:
            return creation.METHODS[name], [owner]
        return None, []

    def _is_class(self, func):
        """Whether a callee converts a number to a type."""
        activity = self.activity
        if is_number_class(activity.value_of(func)) or activity.is_class(func):
            return True
        definition = guard(get_definition, activity.ir, func)
        return isinstance(definition, self.nodes.Arg) and isinstance(
            self.state.args[definition.index], types.NumberClass
        )

    # Functions and attributes

    def _replaced_Global(self, statement):  # noqa: N802 - the names of Numba's nodes
        check_unwritten(self.state.func_id.func_name, statement, self.activity)
        return self._replaced_object(statement, statement.value.value)

    _replaced_FreeVar = _replaced_Global  # noqa: N815

    def _replaced_object(self, statement, function):
        """Let a variable of a function stand for its active version."""
        if callable(function) and hashable(function):
            self.active_versions.note(function)
        carrier = self._active_version(function)
        if isinstance(function, Dispatcher) and statement.target.name in self.inactive_callees:
            carrier = function
        if carrier is not function:
            name = getattr(function, "__name__", "functions")
            self._set(statement, self.nodes.Global(name, carrier, self.loc))
            self.registered = True
        return []

    def _active_version(self, function):
        """The active version of an object: in kernels, only compiled functions have another."""
        if cuda_device.in_kernel() and not isinstance(function, Dispatcher):
            return function
        return self.active_versions.of(self.state.typingctx, function, self.carrier)

    def _replaced_getattr(self, statement):
        """Replace functions of modules, and attributes that Numba refuses for arrays of duals."""
        value = statement.value
        self._check_attribute(value)
        function = self.activity.value_of(statement.target)
        if function is not None:
            return self._replaced_object(statement, function)
        stand_in = activation.ATTRIBUTES.get(value.attr)
        if stand_in is None or not self.activity.is_active(value.value.name):
            return []
        func, named = self._constant(stand_in.__name__, stand_in)
        self._set(statement, self.nodes.Expr.call(func, [value.value], (), self.loc))
        return [named]


def callees_without_derivatives(activity):
    """The variables of callees that never get anything active.

    They stay the functions themselves. Where a function calls itself Numba would look for such a
    call among those that the twin was compiled for.
    """
    inactive, others = set(), set()
    for block in activity.ir.blocks.values():
        for statement in block.body:
            used = {variable.name for variable in statement.list_vars()}
            call = getattr(statement, "value", None)
            if isinstance(call, activity.nodes.Expr) and call.op == "call":
                given = {variable.name for variable in call.list_vars()} - {call.func.name}
                if not any(map(activity.is_active, given)):
                    inactive.add(call.func.name)
                    used = given
            elif isinstance(statement, activity.nodes.Assign) and isinstance(
                call, activity.nodes.Global | activity.nodes.FreeVar
            ):
                continue  # it is the function
            others |= used
    return inactive - others
