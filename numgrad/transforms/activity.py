"""Which variables of a function carry derivatives, found before any of them has a type.

Two relations between variables are followed until nothing changes. *Flow*: what is computed from an
active variable is active. *Sharing*: variables that may share memory are one group (a view and its
array, a row and its matrix, an item and its tuple); an active value that is stored through one of
them makes the whole group active. Both err on the side of too many: an array that holds duals
without need costs time, one that doesn't hold them would cost the derivative.
"""

import sys
from functools import cache

from numba.core.bytecode import ByteCode, FunctionIdentity
from numba.core.dispatcher import Dispatcher
from numba.core.interpreter import Interpreter
from numba.core.ir_utils import get_definition, guard

# Methods and functions whose result may share memory with an argument.
VIEWS = frozenset(
    "T real imag flat ravel reshape transpose swapaxes view squeeze expand_dims atleast_1d "
    "atleast_2d atleast_3d asarray ascontiguousarray asfortranarray broadcast_to diagonal "
    "broadcast_arrays split array_split hsplit vsplit dsplit flip fliplr flipud rollaxis moveaxis "
    "enumerate zip reversed nditer iter tuple list namedtuple literal_unroll append extend insert "
    "values items get setdefault pop popitem".split()
)

# Expressions whose result may share memory with an operand.
SHARING = frozenset(
    "getitem static_getitem typed_getitem getiter iternext pair_first exhaust_iter cast phi "
    "build_tuple build_list build_set build_map getattr".split()
)

# Methods that write to the object they are called on.
WRITING = frozenset(
    "fill append extend insert add sort update setdefault put itemset resize".split()
)


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

    def __init__(self, function_ir):
        self.ir = function_ir
        self.nodes = sys.modules[type(function_ir).__module__]  # Numba's own, or numba-cuda's
        self.groups = Groups()
        self.flows = []  # from some variables to one
        self.stores = []  # of some variables through one
        for block in function_ir.blocks.values():
            for statement in block.body:
                self._read(statement)

    def _read(self, statement):
        if isinstance(statement, self.nodes.Assign):
            self._read_assignment(statement.target.name, statement.value)
        elif isinstance(
            statement, self.nodes.SetItem | self.nodes.StaticSetItem | self.nodes.SetAttr
        ):
            self._store(statement.target.name, [statement.value.name])
        elif isinstance(statement, self.nodes.StoreMap):
            self._store(statement.dct.name, [statement.key.name, statement.value.name])

    def _read_assignment(self, target, value):
        if isinstance(value, self.nodes.Arg):
            # the variable holds the argument, under its name without a version
            self._share(target, f"arg.{value.name}")
            self.flows.append(([f"arg.{value.name}"], target))
        elif isinstance(value, self.nodes.Var):
            self._share(target, value.name)
            self.flows.append(([value.name], target))
        elif isinstance(value, self.nodes.Yield):
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
        if expr.op in SHARING:
            for operand in operands:
                self._share(target, operand)
        if expr.op == "inplace_binop":
            self._share(target, expr.lhs.name)
            self._store(expr.lhs.name, operands)
        if expr.op == "call":
            self._read_call(target, expr)

    def _read_call(self, target, expr):
        arguments = [*expr.args, *(value for _, value in expr.kws)]
        arguments += [expr.vararg] if expr.vararg is not None else []
        name, owner = self.name_of(expr.func)
        if name in ("len", "range", "isinstance", "shape", "ndim", "size"):
            self.flows.pop()
            return
        callee = self.dispatcher_of(expr.func)
        if callee is not None:
            written = arguments_written(callee)
            for position, argument in enumerate(arguments):
                self._share(target, argument.name)
                if written is None or position in written:
                    self._store(argument.name, [each.name for each in arguments])
            return
        if name in VIEWS or name is None:
            for argument in arguments:
                self._share(target, argument.name)
            if owner is not None:
                self._share(target, owner)
        if name is None:  # nothing is known of it
            for argument in arguments:
                self._store(argument.name, [each.name for each in arguments])
        if owner is not None and name in WRITING:
            self._store(owner, [argument.name for argument in arguments])
        for keyword, value in expr.kws:
            if keyword == "out":
                self._store(value.name, [argument.name for argument in arguments])
                self._share(target, value.name)

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
        return value if isinstance(value, Dispatcher) else None

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

    def _share(self, name, other):
        self.groups.join(name, other)

    def _store(self, target, sources):
        self.stores.append((sources, target))

    def active_variables(self, arguments):
        """Return the variables that may carry derivatives if some arguments do."""
        active = {f"arg.{name}" for name in arguments}
        while True:
            before = len(active)
            for sources, target in self.flows:
                if target not in active and not active.isdisjoint(sources):
                    active.add(target)
            touched = {
                self.groups.find(target)
                for sources, target in self.stores
                if not active.isdisjoint(sources)
            }
            if touched:
                active |= {name for name in self._names() if self.groups.find(name) in touched}
            if len(active) == before:
                return active

    def _names(self):
        names = {target for _, target in self.flows} | {target for _, target in self.stores}
        names |= {source for sources, _ in self.flows + self.stores for source in sources}
        return names

    def arguments_written(self):
        """Return the positions of arguments whose memory may be written."""
        written = {self.groups.find(target) for _, target in self.stores}
        names = self.ir.arg_names
        return frozenset(
            position
            for position, name in enumerate(names)
            if self.groups.find(f"arg.{name}") in written
        )


_being_read: set[object] = set()


@cache
def _arguments_written(function):
    _being_read.add(function)
    try:
        identity = FunctionIdentity.from_function(function)
        function_ir = Interpreter(identity).interpret(ByteCode(func_id=identity))
        return Activity(function_ir).arguments_written()
    finally:
        _being_read.discard(function)


def arguments_written(dispatcher):
    """Return the positions of the arguments whose memory a function may write; None: unknown."""
    function = dispatcher.py_func
    if function in _being_read:  # it calls itself
        return None
    return _arguments_written(function)
