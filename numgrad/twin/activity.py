"""Activity analysis: which variables carry derivatives, and which memory holds them.

The types of the primal are inferred first (`numgrad.twin.inference`). Each variable has a
shape of places (`numgrad.twin.aliases`), which the statements of the function relate: this
file is the transfer function of each kind of statement,

    =============================  ============================================================
    y = x, phi, cast, return       numbers flow, memory is shared
    y = x op z, a pure function    numbers flow, the result is new memory
    y = x[i]                       a part of an array shares its memory, an item of a list is one
    x[i] = y                       y flows into the memory of x, which is written
    y = f(x)                       what is known of f, from its source or from a table; of any
                                   other function: all memory is shared, written and flowed into
    =============================  ============================================================

All relations hold throughout the function, whatever the order of its statements. What they are
between arguments and result serves wherever the function is called. Derivatives that come in by
some arguments are *active* in every place that they can flow to.
"""

import sys

from numba import types
from numba.core.dispatcher import Dispatcher
from numba.core.errors import NumbaError
from numba.core.ir_utils import get_definition, guard
from numba.experimental.jitclass import _box as boxing
from numba.np.unsafe.ndarray import empty_inferred

from numgrad.twin import calls, objects
from numgrad.twin.aliases import (
    Container,
    Place,
    assign,
    combine,
    confuse,
    items_of,
    places,
    places_with_derivatives,
    reached_from,
    shape_of,
    share,
    unify,
    write_all,
)
from numgrad.twin.beside import Beside
from numgrad.twin.effects import give_item, share_items
from numgrad.twin.inference import inferred

# Attributes that are numbers or types, whatever the values of an array are.
WITHOUT_DERIVATIVE = "shape size ndim dtype strides itemsize nbytes".split()


IN_PROGRESS = object()
_summaries = Beside("effects")


class Activity:
    """The effects of a function on its arguments: flows of derivatives, aliases and writes."""

    def __init__(self, types_inferred):
        self.inferred = types_inferred
        self.ir = types_inferred.ir
        self.nodes = sys.modules[type(self.ir).__module__]  # Numba's own, or numba-cuda's
        self.shapes = {}
        self.new = set()  # variables of new memory, as an allocation's
        self.outside = set()  # variables of memory with aliases elsewhere, from arguments to fields
        self.draws = False  # whether it draws from a generator that all share
        self.takes_addresses = False  # of arrays, by which foreign code may do anything
        self.finds: set[types.Type] = set()  # the types of objects under global names
        self.active: frozenset[Place] = frozenset()  # the places that carry derivatives
        self.returned = shape_of(types_inferred.returned)
        self.arguments = [self.shape(f"arg.{name}") for name in self.ir.arg_names]
        for block in self.ir.blocks.values():
            for statement in block.body:
                self._relate(statement)

    @classmethod
    def of(cls, dispatcher, kinds):
        """The summary of a compiled function for given argument types, or None if unknown.

        A function that calls itself has none while its own is being made.
        """
        kinds = tuple(kinds)
        known = _summaries.setdefault(dispatcher, {})
        if kinds not in known:
            known[kinds] = IN_PROGRESS
            try:
                found = inferred(dispatcher, kinds)
                known[kinds] = None if found.ir is None else cls(found)
            except NumbaError:  # it can't be called with these either
                known[kinds] = None
            finally:
                if known[kinds] is IN_PROGRESS:
                    del known[kinds]
        summary = known[kinds]
        return None if summary is IN_PROGRESS else summary

    def shape(self, name):
        """Return the shape of a variable."""
        if name not in self.shapes:
            self.shapes[name] = shape_of(self.type_of(name))
        return self.shapes[name]

    def type_of(self, name):
        """The primal type of a variable, or None if unknown."""
        return self.inferred.type_of(name)

    # Queries

    def reach(self, place):
        """The places that derivatives can flow to from one."""
        return reached_from([place])

    def activate(self, kinds):
        """Mark the places that are active where arguments of given types carry derivatives."""
        starts = []
        for shape, kind in zip(self.arguments, kinds, strict=False):
            starts += places_with_derivatives(shape, kind)
        self.active = reached_from(starts)

    def is_active(self, name):
        """Whether a variable may carry derivatives."""
        return any(map(self.carries, places(self.shape(name))))

    def carries(self, place):
        return place.find() in self.active

    # Statements

    def _relate(self, statement):
        nodes = self.nodes
        if isinstance(statement, nodes.Assign):
            self._relate_assignment(statement.target.name, statement.value)
        elif isinstance(statement, nodes.SetItem | nodes.StaticSetItem):
            if not objects.relate_set_item(self, statement):
                self.store(statement.target, statement.value)
        elif isinstance(statement, nodes.StoreMap):
            self.store(statement.dct, statement.value, statement.key)
        elif isinstance(statement, nodes.SetAttr):
            objects.relate_set_attribute(self, statement)
        elif isinstance(statement, nodes.Return):
            meet(self.returned, self._of(statement.value))

    def _of(self, var):
        return self.shape(var.name)

    def _relate_assignment(self, name, value):
        nodes, target = self.nodes, self.shape(name)
        if isinstance(value, nodes.Arg):
            assign(target, self.shape(f"arg.{value.name}"))
            self.outside.add(name)
        elif isinstance(value, nodes.Global | nodes.FreeVar):
            self.outside.add(name)
            if isinstance(self.type_of(name), types.ClassInstanceType):
                self.finds.add(self.type_of(name))
        elif isinstance(value, nodes.Var):
            meet(target, self._of(value))
        elif isinstance(value, nodes.Yield):
            confuse(self.returned, self._of(value.value))
        elif self._is_type(value):
            self.shapes[name] = None
        elif isinstance(value, nodes.Expr):
            method = objects.special_method(self, value)
            if method is not None:
                is_new = objects.relate_operation(self, target, method)
            else:
                relate = getattr(self, f"_relate_{value.op}", self._relate_others)
                is_new = relate(target, value)
            if is_new is not None:
                (self.new if is_new else self.outside).add(name)

    def _is_type(self, value):
        """Whether a value is a type made of another, as in ``float64[:]``."""
        return (
            isinstance(value, self.nodes.Expr)
            and value.op in ("getitem", "static_getitem")
            and isinstance(self.type_of(value.value.name), types.NumberClass | types.TypeRef)
        )

    def store(self, owner, value, key=None):
        """Let a value be stored in an array or in a container."""
        replaces_slice = self.replaces_slice(owner, value)
        is_record = isinstance(self.type_of(value.name), types.Record)
        owner, value = self._of(owner), self._of(value)
        if replaces_slice:
            owner.place.write()
            unify(owner.items, value.items)
            return
        key = None if key is None else self._of(key)
        if isinstance(owner, Container):
            give_item(None, owner, key, value)
            return
        if is_record:
            unify(owner, value)
        combine(owner, value, key)
        write_all(owner)
        if not isinstance(owner, Place) or owner.find().is_opaque:
            confuse(owner, value, key)

    def replaces_slice(self, owner, value):
        """Whether a list is stored in another one in the place of a slice, not as an item."""
        owner, value = self._of(owner), self._of(value)
        are_lists = isinstance(owner, Container) and isinstance(value, Container)
        return are_lists and owner.keys is None and not isinstance(owner.items, Container)

    # Expressions. Each tells whether the result is new memory, or None: it is that of an operand.

    def _relate_others(self, target, expr):
        """Relate an unknown operation: all memory may alias."""
        operands = [self._of(var) for var in expr.list_vars()]
        combine(target, *operands)
        confuse(target, *operands)
        return False

    def _relate_undef(self, target, expr):
        """Relate nothing to a variable that has no value yet, or is a function."""

    _relate_null = _relate_make_function = _relate_undef

    def _relate_call(self, target, expr):
        if isinstance(self.type_of(expr.func.name), types.ClassType):
            return objects.relate_construction(calls.Call(self, target, expr))
        if objects.is_struct_method(self.type_of(expr.func.name)):
            return objects.relate_struct_method(calls.Call(self, target, expr))
        return calls.relate(self, target, expr)

    def _relate_phi(self, target, expr):
        for value in expr.incoming_values:
            if isinstance(value, self.nodes.Var):
                meet(target, self._of(value))

    def _relate_cast(self, target, expr):
        meet(target, self._of(expr.value))

    def _relate_pair_first(self, target, expr):
        share(target, self._of(expr.value))

    _relate_pair_second = _relate_undef

    def _relate_iternext(self, target, expr):
        share(target, items_of(self._of(expr.value)))

    def _relate_exhaust_iter(self, target, expr):
        owner = self._of(expr.value)
        if isinstance(owner, tuple):
            assign(target, owner)
        else:  # without types, it isn't known to be a tuple
            for item in target if isinstance(target, tuple) else [target]:
                share(item, items_of(owner))

    def _relate_getiter(self, target, expr):
        share_items(target, self._of(expr.value))

    def _relate_build_tuple(self, target, expr):
        assign(target, tuple(self._of(item) for item in expr.items))

    def _relate_build_list(self, target, expr):
        for item in expr.items:
            if isinstance(target, Container):
                assign(target.items, self._of(item))
            else:
                confuse(target, self._of(item))

    _relate_build_set = _relate_build_list

    def _relate_build_map(self, target, expr):
        for key, value in expr.items:
            if isinstance(target, Container):
                assign(target.keys, self._of(key))
                assign(target.items, self._of(value))
            else:
                confuse(target, self._of(key), self._of(value))

    def _relate_getattr(self, target, expr):
        owner, kind = self._of(expr.value), self.type_of(expr.value.name)
        if expr.attr in WITHOUT_DERIVATIVE and not objects.has_fields(kind):
            return None
        if isinstance(kind, types.ClassInstanceType | types.StructRef):
            return objects.relate_attribute(self, target, expr)
        if isinstance(kind, types.BaseNamedTuple) and expr.attr in kind.fields:
            assign(target, owner[kind.fields.index(expr.attr)])
            return None
        if expr.attr == "imag" and calls.is_real(kind):
            combine(target, owner)
            return True
        share(target, owner)
        self.takes_addresses |= expr.attr == "ctypes"
        return False if is_rigid(owner) else None

    def _relate_static_getitem(self, target, expr):
        owner, var = self._of(expr.value), expr.index_var
        if isinstance(owner, tuple) and isinstance(expr.index, int | slice):
            assign(target, owner[expr.index])
            return None
        return self.relate_item(target, owner, None if var is None else self.type_of(var.name))

    def _relate_getitem(self, target, expr):
        return self.relate_item(target, self._of(expr.value), self.type_of(expr.index.name))

    def _relate_typed_getitem(self, target, expr):
        owner, kind = self._of(expr.value), self.type_of(expr.value.name)
        if isinstance(owner, tuple) and isinstance(kind, types.BaseTuple):
            kinds = zip(owner, kind.types, strict=True)
            owner = tuple(item for item, each in kinds if each == expr.dtype)
        share(target, items_of(owner))

    def relate_item(self, target, owner, index):
        """Relate a part of an array or an item of a sequence, by the type of the index."""
        if isinstance(owner, Container) and isinstance(index, types.SliceType):
            unify(target.items, owner.items)
            return True
        if isinstance(owner, Container):
            share(target, owner.items)
        elif selects_elements(index):
            combine(target, owner)
            return True
        else:
            share(target, items_of(owner))
        return False if is_rigid(owner) else None

    def _relate_binop(self, target, expr):
        return self.relate_operator(target, [self._of(expr.lhs), self._of(expr.rhs)])

    def _relate_unary(self, target, expr):
        return self.relate_operator(target, [self._of(expr.value)])

    def relate_operator(self, target, operands):
        """Let operators compute new arrays, and put sequences one behind the other."""
        if isinstance(target, tuple):
            items = [item for each in operands if isinstance(each, tuple) for item in each]
            assign(target, tuple(items))
            return None
        if isinstance(target, Container):
            for each in operands:
                if isinstance(each, Container):
                    unify(target.items, each.items)
                    unify(target.keys, each.keys)
            return True
        if any(is_opaque(each) for each in (target, *operands)):
            confuse(target, *operands)
            return False
        combine(target, *operands)
        return True

    def _relate_inplace_binop(self, target, expr):
        return self.relate_in_place(target, self._of(expr.lhs), self._of(expr.rhs))

    def relate_in_place(self, target, owner, other):
        """Let an operator that assigns write to arrays and lists, and compute new numbers."""
        if isinstance(owner, Container):
            if isinstance(other, Container):
                unify(owner.items, other.items)
            else:
                assign(owner.items, items_of(other))
        elif isinstance(owner, Place) and owner.is_memory:
            combine(owner, other)
        else:
            return self.relate_operator(target, [owner, other])
        write_all(owner)
        share(target, owner)
        return None

    def loc_of(self, name):
        """The location of a variable's first assignment."""
        for block in self.ir.blocks.values():
            for statement in block.find_insts(self.nodes.Assign):
                if statement.target.name == name:
                    return statement.loc
        return self.ir.loc

    # Constants

    def function_of(self, func):
        """The callee, or None if unknown."""
        kind = self.type_of(func.name)
        if isinstance(kind, types.RecursiveCall):
            kind = kind.dispatcher_type
        if isinstance(kind, types.Dispatcher) and isinstance(kind.dispatcher, Dispatcher):
            return kind.dispatcher
        if isinstance(kind, types.Function):
            return kind.typing_key
        return self.value_of(func)

    def value_of(self, var):
        """The constant that a variable stands for, or None."""
        definition = guard(get_definition, self.ir, var)
        if isinstance(definition, self.nodes.Global | self.nodes.FreeVar):
            return definition.value
        if isinstance(definition, self.nodes.Expr) and definition.op == "getattr":
            owner = self.value_of(definition.value)
            if owner is not None and not isinstance(owner, self.nodes.Var | boxing.Box):
                return getattr(owner, definition.attr, None)
        return None

    def method_of(self, func):
        """The variable of a bound method's object, and the name of the method."""
        definition = guard(get_definition, self.ir, func)
        if isinstance(definition, self.nodes.Expr) and definition.op == "getattr":
            return definition.value, definition.attr
        return None, None

    def is_comprehension(self, var):
        """Whether a variable is the array that Numba collects a comprehension in."""
        definition = guard(get_definition, self.ir, var)
        is_call = isinstance(definition, self.nodes.Expr) and definition.op == "call"
        return is_call and self.value_of(definition.func) is empty_inferred

    def is_class(self, var):
        """Whether a variable stands for the type of a number, told by type or a dtype."""
        definition = guard(get_definition, self.ir, var)
        if not isinstance(definition, self.nodes.Expr):
            return False
        if definition.op == "getattr":
            return definition.attr == "type"
        return definition.op == "call" and self.value_of(definition.func) is type


def meet(target, source):
    """Let a value be one of those that a variable may hold.

    All of them have one type there: where one named tuple holds a dual, each must.
    """
    if isinstance(target, tuple):
        unify(target, source)
    else:
        assign(target, source)


def is_written(shape):
    return any(place.find().is_written for place in places(shape))


def is_rigid(shape):
    return any(place.find().is_rigid for place in places(shape))


def is_opaque(shape):
    return any(place.find().is_opaque for place in places(shape))


def selects_elements(index):
    """Whether an index picks elements one by one, so that the result is a copy."""
    if isinstance(index, types.BaseTuple):
        return any(map(selects_elements, index.types))
    return isinstance(index, types.Array | types.List)
