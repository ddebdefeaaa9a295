"""Which variables of a function carry derivatives, found before any of them has a type.

Two relations between variables are followed until nothing changes. *Flow*: what is computed from an
active variable is active. *Sharing*: variables that may share memory are one group (a view and its
array, a row and its matrix, an item and its tuple); a group that is written to and has an active
member is active as a whole. Both err on the side of too many: an array that holds duals without
need costs time, one that doesn't hold them would cost the derivative.

A third relation goes back: what meets in one variable, in one list or in what a function returns
has one type there, so that a *join* with an active member makes the others active too. What is
active without any derivative flowing into it, such as a copy of constants that is written to later,
is *to be converted* to duals.
"""

import inspect
import sys
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numba import types
from numba.core.analysis import compute_cfg_from_blocks
from numba.core.bytecode import ByteCode, FunctionIdentity
from numba.core.ccallback import CFunc
from numba.core.dispatcher import Dispatcher
from numba.core.interpreter import Interpreter
from numba.core.ir_utils import get_definition, guard
from numba.np.ufunc.dufunc import DUFunc
from numba.np.ufunc.gufunc import GUFunc
from numba.np.unsafe.ndarray import empty_inferred
from numba.typed import Dict, List

from numgrad.duals.numba_type import is_dual
from numgrad.transforms.callees import is_ours
from numgrad.transforms.gufuncs import outputs_of

# Methods and functions whose result may share memory with an argument.
VIEWS = frozenset(
    "T real imag flat ravel reshape transpose swapaxes view squeeze expand_dims atleast_1d "
    "atleast_2d atleast_3d asarray ascontiguousarray asfortranarray broadcast_to diagonal "
    "broadcast_arrays split array_split hsplit vsplit dsplit flip fliplr flipud rollaxis moveaxis "
    "enumerate zip reversed nditer iter tuple list namedtuple literal_unroll append extend insert "
    "values items get setdefault pop popitem carray farray view rot90 trim_zeros nan_to_num "
    "as_strided sliding_window_view asfarray asarray_chkfinite".split()
)

# Expressions whose result may share memory with an operand.
ITEMS = frozenset("getitem static_getitem typed_getitem".split())
SHARING = frozenset(
    "getiter iternext pair_first exhaust_iter cast phi "
    "build_tuple build_list build_set build_map getattr".split()
)

# Methods that write to the object they are called on.
WRITING = frozenset(
    "fill append extend insert add sort update setdefault put itemset resize".split()
)

# Functions of NumPy with an output among their arguments, by its position; a ufunc's comes last.
OUTPUTS = {
    "dot": 2,
    "outer": 2,
    "clip": 3,
    "around": 2,
    "round": 2,
    "fill_diagonal": 0,
    "shuffle": 0,
}

# Classes whose objects have the type of the first item that they are given.
CONTAINERS = list, dict, List, Dict

# Methods that give a container an item, and its place among their arguments.
GIVING = {"append": 0, "insert": 1, "setdefault": 1}

RETURNED = "$returned"  # all that a function returns

# Functions whose result has no derivative, whatever is given to them.
WITHOUT_DERIVATIVE = len, range, isinstance, type, np.shape, np.ndim, np.size


def is_foreign(function):
    """Return whether a function is of another package, and made compilable by an overload."""
    is_seen = function is None or isinstance(function, type | DUFunc | GUFunc | CFunc)
    return not is_seen and callable(function) and not is_ours(function)


def is_familiar(method):
    """Return whether arrays or containers have a method of that name."""
    return any(hasattr(kind, method) for kind in (np.ndarray, list, dict, set, str))


class Groups:
    """Variables that may share memory, as disjoint sets."""

    def __init__(self):
        self._parent = {}

    def find(self, name):
        while name in self._parent:
            name = self._parent[name]
        return name

    def join(self, name, other):
        name, other = self.find(name), self.find(other)
        if name != other:
            self._parent[name] = other


class Activity:
    """What a function does with its arguments, as far as derivatives are concerned."""

    def __init__(self, function_ir, kinds=()):
        self.ir = function_ir
        self.kinds = kinds  # of the arguments, where they are known
        self.nodes = sys.modules[type(function_ir).__module__]  # Numba's own, or numba-cuda's
        self.groups = Groups()
        self.flows = []  # from some variables to one
        self.stores = []  # of some variables through one
        self.joins = []  # variables of one type
        self.containers = set()  # lists and dictionaries made here, typed by what they are given
        self.unknown = {}  # the arguments of functions of which nothing is known
        self.stores_of = {}  # the places among the stores of those that such a function may make
        self.fresh = {}  # the operands of what shares memory with nothing that was there before
        self.walked = set()  # tuples that are gone through, or whose items are picked
        self.indexed = set()  # arguments of which items are taken
        self.carrying = set()
        self._written = None
        statements = [each for block in function_ir.blocks.values() for each in block.body]
        for statement in statements:
            if isinstance(statement, self.nodes.Assign) and isinstance(
                statement.value, self.nodes.Expr
            ):
                self._find_walks(statement.value)
        self.written_at = []  # where memory is written to, as (block, index, variable)
        for label, block in function_ir.blocks.items():
            for index, statement in enumerate(block.body):
                self.place = label, index
                self._read(statement)

    def _find_walks(self, expr):
        if expr.op not in ("getitem", "static_getitem", "getiter"):
            return
        name = expr.value.name
        definition = guard(get_definition, self.ir, expr.value)
        if isinstance(definition, self.nodes.Arg):
            self.indexed.add(f"arg.{definition.name}")
        if expr.op != "static_getitem":
            self.walked.add(name)
            for each in self.ir._definitions.get(name, ()):
                if isinstance(each, self.nodes.Var):
                    self.walked.add(each.name)

    def _read(self, statement):
        if isinstance(statement, self.nodes.Assign):
            self._read_assignment(statement.target.name, statement.value)
        elif isinstance(
            statement, self.nodes.SetItem | self.nodes.StaticSetItem | self.nodes.SetAttr
        ):
            self._store(statement.target.name, [statement.value.name])
        elif isinstance(statement, self.nodes.StoreMap):
            self._store(statement.dct.name, [statement.key.name, statement.value.name])
        elif isinstance(statement, self.nodes.Return):
            self._share(RETURNED, statement.value.name)
            self.flows.append(([statement.value.name], RETURNED))
            self.joins.append([RETURNED, statement.value.name])

    def _read_assignment(self, target, value):
        if isinstance(value, self.nodes.Arg):
            # the variable holds the argument, under its name without a version
            self._share(target, f"arg.{value.name}")
            self.flows.append(([f"arg.{value.name}"], target))
        elif isinstance(value, self.nodes.Var):
            if value.name in self.containers:
                self.containers.add(target)
            self._share(target, value.name)
            self.flows.append(([value.name], target))
            self.joins.append([target, value.name])
        elif isinstance(value, self.nodes.Yield):
            self._share(RETURNED, value.value.name)
            self.flows.append(([value.value.name], target))
        elif isinstance(value, self.nodes.Expr):
            self._read_expression(target, value)

    def _read_expression(self, target, expr):
        operands = [var.name for var in expr.list_vars()]
        if expr.op == "phi":
            operands = [
                value.name for value in expr.incoming_values if isinstance(value, self.nodes.Var)
            ]
        if expr.op == "getattr" and expr.attr in ("shape", "size", "ndim", "dtype", "strides"):
            return
        self.flows.append((operands, target))
        if expr.op in ITEMS:
            self._share(target, expr.value.name)  # and not with the index
        elif expr.op in SHARING:
            for operand in operands:
                self._share(target, operand)
        elif expr.op in ("binop", "unary"):
            self.fresh[target] = operands
            self._read_container(target, operands)
        if expr.op in ("phi", "build_list", "cast"):
            self.joins.append([target, *operands])
        if expr.op in ("build_list", "build_map"):
            self.containers.add(target)
        if expr.op == "build_tuple" and target in self.walked:
            self.joins.append([target, *operands])
        if expr.op == "inplace_binop":
            self._share(target, expr.lhs.name)
            self._store(expr.lhs.name, operands)
        if expr.op == "call":
            self._read_call(target, expr)

    def _read_call(self, target, expr):
        given = [*expr.args, *(value for _, value in expr.kws)]
        arguments = [value.name for value in given]
        arguments += [expr.vararg.name] if expr.vararg is not None else []
        callee = self.dispatcher_of(expr.func)
        if callee is not None:
            self._read_callee(target, callee, arguments, expr)
            return
        name, owner = self.name_of(expr.func)
        function = self.value_of(expr.func)
        if any(function is each for each in WITHOUT_DERIVATIVE):
            self.flows.pop()
            return
        is_unknown = name is None or is_foreign(function)
        if owner is not None and function is None and not is_familiar(name):
            is_unknown = True  # a method of a jitclass, or of any other class
        if is_unknown:
            self.unknown[target] = given
        if name in VIEWS or is_unknown or isinstance(function, type):
            # an object of a class, a namedtuple above all, holds what it is made of
            for argument in arguments:
                if not self.is_number(argument):
                    self._share(target, argument)
            if owner is not None:
                self._share(target, owner)
        else:
            self.fresh[target] = [*arguments, *([owner] if owner is not None else [])]
            if name == "copy":
                self._read_container(target, self.fresh[target])
        if any(function is each for each in CONTAINERS):
            self.containers.add(target)
        if is_unknown:
            before = len(self.stores)
            for argument in arguments:
                self._store(argument, arguments)
            self.stores_of[target] = range(before, len(self.stores))
        if owner is not None and name in WRITING:
            self._store(owner, arguments)
        for output in self._outputs(expr):
            self._store(output.name, arguments)
            self._share(target, output.name)
            self.fresh.pop(target, None)

    def _read_container(self, target, operands):
        """Let the sum, the product or the copy of a list have items of its type."""
        for operand in self.containers.intersection(operands):
            self.containers.add(target)
            self.joins.append([target, operand])

    def _read_callee(self, target, callee, arguments, expr):
        """Follow what a compiled function does with its arguments."""
        effects = effects_of(callee) if not (expr.kws or expr.vararg) else None
        returned = range(len(arguments)) if effects is None else effects.returned
        shared = [
            name for k, name in enumerate(arguments) if k in returned and not self.is_number(name)
        ]
        for name in shared:
            self._share(target, name)
        if not shared:
            self.fresh[target] = arguments
        for position, argument in enumerate(arguments):
            if effects is None or position in effects.written:
                self._store(argument, arguments)

    def _outputs(self, expr):
        """Return the arguments that a function of NumPy writes its result to."""
        function = self.value_of(expr.func)
        if isinstance(function, GUFunc):
            return [expr.args[k] for k in outputs_of(function) if k < len(expr.args)]
        position = OUTPUTS.get(getattr(function, "__name__", None))
        if isinstance(function, np.ufunc | DUFunc):
            position = function.nin
        positional = [] if position is None else expr.args[position : position + 1]
        return [*positional, *(value for keyword, value in expr.kws if keyword == "out")]

    def name_of(self, func):
        """Return the name of what is called, and the object it is a method of, if it is one."""
        definition = guard(get_definition, self.ir, func)
        if isinstance(definition, self.nodes.Expr) and definition.op == "getattr":
            return definition.attr, definition.value.name
        if isinstance(definition, self.nodes.Global | self.nodes.FreeVar):
            return getattr(definition.value, "__name__", None), None
        return None, None

    def dispatcher_of(self, func):
        """Return the compiled function that is called, if it is one."""
        value = self.value_of(func)
        return value if isinstance(value, Dispatcher | CFunc) else None

    def value_of(self, var):
        """Return the object that a variable always stands for, or None."""
        definition = guard(get_definition, self.ir, var)
        if isinstance(definition, self.nodes.Global | self.nodes.FreeVar):
            return definition.value
        if isinstance(definition, self.nodes.Expr) and definition.op == "getattr":
            owner = self.value_of(definition.value)
            if owner is not None and not isinstance(owner, self.nodes.Var):
                return getattr(owner, definition.attr, None)
        return None

    def is_comprehension(self, var):
        """Return whether a variable is the array that Numba collects a comprehension in."""
        definition = guard(get_definition, self.ir, var)
        is_call = isinstance(definition, self.nodes.Expr) and definition.op == "call"
        return is_call and self.value_of(definition.func) is empty_inferred

    def is_number(self, name):
        """Return whether a variable is known to be a number, which shares no memory."""
        definition = guard(get_definition, self.ir, name)
        if isinstance(definition, self.nodes.Const):
            return True
        if isinstance(definition, self.nodes.Arg):
            kinds = self.kinds
            return definition.index < len(kinds) and not has_memory(kinds[definition.index])
        if not isinstance(definition, self.nodes.Expr):
            return False
        if definition.op == "getattr":
            return definition.attr in ("size", "ndim")
        if definition.op in ("static_getitem", "getitem"):
            owner = guard(get_definition, self.ir, definition.value)
            return getattr(owner, "op", None) == "getattr" and owner.attr == "shape"
        return definition.op == "call" and self.value_of(definition.func) in (len, int, float)

    def is_class(self, var):
        """Return whether a variable stands for the type of a number, told by type or a dtype."""
        definition = guard(get_definition, self.ir, var)
        if not isinstance(definition, self.nodes.Expr):
            return False
        if definition.op == "getattr":
            return definition.attr == "type"
        return definition.op == "call" and self.value_of(definition.func) is type

    def is_constant(self, var):
        """Return whether a variable stands for a constant of the source."""
        definition = guard(get_definition, self.ir, var)
        return isinstance(definition, self.nodes.Const | self.nodes.Global | self.nodes.FreeVar)

    def _share(self, name, other):
        self.groups.join(name, other)

    def _store(self, target, sources):
        self.stores.append((sources, target))
        self.written_at.append((*self.place, target))

    def may_go_stale(self, statement):
        """Return whether the memory of what is read may be written to while the result is in use.

        Where the result is a copy of what it would have been a view of, it must not.
        """
        group, used = self.groups.find(statement.target.name), self._uses_of(statement)
        (label, index), uses = used[0], used[1:]
        last = max((place for block, place in uses if block == label), default=index)
        leaves = any(block != label or place < index for block, place in uses)
        after = self._reachable_from(label) if leaves else set()
        return any(
            (block == label and index < place < last) or block in after
            for block, place, target in self.written_at
            if self.groups.find(target) == group
        )

    def _uses_of(self, statement):
        """Return where a statement is, and then where its result, or a part of it, is used."""
        places, names = [], {statement.target.name}
        for _ in range(2):  # names may be used above where they are shared, in a loop
            places = []
            for label, block in self.ir.blocks.items():
                for index, each in enumerate(block.body):
                    if each is statement:
                        here = label, index
                    elif not names.isdisjoint(var.name for var in each.list_vars()):
                        places.append((label, index))
                        value = getattr(each, "value", None)
                        is_view = isinstance(value, self.nodes.Var) or (
                            isinstance(value, self.nodes.Expr)
                            and (value.op in SHARING or self._is_view(value))
                        )
                        if isinstance(each, self.nodes.Assign) and is_view:
                            names.add(each.target.name)
        return [here, *places]

    def _is_view(self, value):
        return value.op == "call" and self.name_of(value.func)[0] in VIEWS

    def _reachable_from(self, label):
        """Return the blocks that may run after one; itself if there is a loop."""
        graph, found, waiting = compute_cfg_from_blocks(self.ir.blocks), set(), [label]
        while waiting:
            for following, _ in graph.successors(waiting.pop()):
                if following not in found:
                    found.add(following)
                    waiting.append(following)
        return found

    def active_variables(self, arguments):
        """Return the variables that may carry derivatives if some arguments do."""
        self.carrying = {f"arg.{name}" for name in arguments}  # a derivative flows into them
        active = set(self.carrying)
        stored = [(self.groups.find(target), sources) for sources, target in self.stores]
        members = {}
        for name in self._names():
            members.setdefault(self.groups.find(name), []).append(name)
        touched = set()
        while True:
            before = len(active)
            self._flow_into(active)
            for group, sources in stored:
                if group in touched:
                    continue
                if not (active.isdisjoint(sources) and active.isdisjoint(members.get(group, ()))):
                    touched.add(group)
                    active.update(members.get(group, ()))
            for names in self.joins:
                if names[0] in active:
                    active.update(names)
            if len(active) == before:
                break
        while True:  # what derivatives flow into without any store or join
            before = len(self.carrying)
            self._flow_into(self.carrying)
            if len(self.carrying) == before:
                return active

    def _flow_into(self, variables):
        """Add what is computed from some variables to them."""
        for sources, target in self.flows:
            if not variables.isdisjoint(sources):
                variables.add(target)

    def to_convert(self, target):
        """Return whether what is assigned to an active variable may still have to become duals.

        A fresh array may, wherever it is from; what shares memory with others only where nobody
        writes to them, since the copy would not be written to.
        """
        if target in self.unknown:
            return True  # what is no part of an argument: that is found out when it runs
        if target in self.fresh:
            return self.is_written(target) or self.carrying.isdisjoint(self.fresh[target])
        return target not in self.carrying and not self.is_written(target)

    def is_written_later(self, target):
        """Return whether the memory that an unknown function returned may be written to."""
        group, own = self.groups.find(target), self.stores_of[target]
        return any(
            self.groups.find(name) == group
            for k, (_, name) in enumerate(self.stores)
            if k not in own
        )

    def is_written(self, name):
        """Return whether the memory of a variable may be written to."""
        if self._written is None:
            self._written = {self.groups.find(target) for _, target in self.stores}
        return self.groups.find(name) in self._written

    def _names(self):
        names = {target for _, target in self.flows} | {target for _, target in self.stores}
        names |= {source for sources, _ in self.flows + self.stores for source in sources}
        return names

    def effects(self):
        """Return what the function does with its arguments' memory."""
        groups = [self.groups.find(f"arg.{name}") for name in self.ir.arg_names]
        result = self.groups.find(RETURNED)
        return Effects(
            frozenset(
                k for k, name in enumerate(self.ir.arg_names) if self.is_written(f"arg.{name}")
            ),
            frozenset(k for k, group in enumerate(groups) if group == result),
            frozenset(
                k for k, name in enumerate(self.ir.arg_names) if f"arg.{name}" in self.indexed
            ),
        )


def has_memory(kind):
    """Return whether numbers of a type lie in memory that others may share."""
    return not isinstance(kind, types.Number | types.Boolean) and not is_dual(kind)


@dataclass(frozen=True)
class Effects:
    """What a function does with its arguments, by their positions."""

    written: frozenset[int]  # whose memory may be written
    returned: frozenset[int]  # whose memory may be that of the result
    indexed: frozenset[int]  # of which the function takes items, so that they are no numbers


_being_read: set[object] = set()


@cache
def _effects_of(function):
    _being_read.add(function)
    try:
        identity = FunctionIdentity.from_function(function)
        function_ir = Interpreter(identity).interpret(ByteCode(func_id=identity))
        return Activity(function_ir).effects()
    finally:
        _being_read.discard(function)


def effects_of(dispatcher):
    """Return what a function does with its arguments; None: unknown."""
    function = dispatcher.py_func if isinstance(dispatcher, Dispatcher) else dispatcher.__wrapped__
    if function in _being_read:  # it calls itself
        return None
    return _effects_of(function)


def tables_of(function: Any) -> frozenset[int]:
    """Return the positions of the arguments of which a Python function takes items, if known."""
    source = getattr(function, "py_func", function)
    if not inspect.isfunction(source):
        return frozenset()
    try:
        indexed: frozenset[int] = _effects_of(source).indexed
    except Exception:  # whatever Numba says to code that it can't read
        return frozenset()
    return indexed


def arguments_written(dispatcher):
    """Return the positions of the arguments whose memory a function may write; None: unknown."""
    effects = effects_of(dispatcher)
    return None if effects is None else effects.written
