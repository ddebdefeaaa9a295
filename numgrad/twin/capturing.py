"""Inner functions that capture variables, where compiled code takes their derivatives.

Numba refuses to pass a closure on that captures what is no constant. Here, before it looks,

    d = grad(lambda t: y * t)          becomes      d = grad(lifted)
    d(x)                                            d(x, y)

with a function ``lifted(t, y)``: what is captured has become arguments behind the others, which
derivatives go through as through any. As in Python they are read when the derivative is called.
The new function holds the code of the inner one as it is, in a function that is made of a template.
"""

import dis
import inspect
from types import CodeType, FunctionType
from typing import Any
from weakref import WeakKeyDictionary

import numba
from numba.core import ir
from numba.core.ir_utils import GuardException, get_definition, guard
from numba.core.rewrites import Rewrite, register_rewrite

from numgrad.twin.origins import CAPTURED

MADE = "derivative grad value_and_grad jacobian hessian checkpoint".split()
WITH_CONSTANTS = {"jvp": 3, "hvp": 3}  # and the arguments behind which they take constants
CONSTANT = ir.Const | ir.Global | ir.FreeVar
KINDS = ("POSITIONAL_ONLY", "POSITIONAL_OR_KEYWORD")

_lifted: WeakKeyDictionary[Any, dict[Any, Any]] = WeakKeyDictionary()  # by the outer functions


class CantBeLiftedError(Exception):
    """A closure is used in a way in which what it captures can't be handed on."""


@register_rewrite("before-inference")
class LiftCaptures(Rewrite):
    """Let inner functions whose derivatives are taken get what they capture as arguments."""

    def __init__(self, state: Any) -> None:
        super().__init__(state)
        self.is_whole = state.typingctx is not None  # and no closure that is to be inlined

    def match(self, func_ir: Any, block: Any, typemap: Any, calltypes: Any) -> bool:
        if not self.is_whole:
            return False
        self.block = block
        for statement in block.find_insts(ir.Assign):
            if is_closure(statement.value):
                try:
                    self.lifting = Lifting(func_ir, statement)
                except CantBeLiftedError:
                    continue
                return True
        return False

    def apply(self) -> Any:
        self.lifting.run()
        return self.block


def is_closure(value: Any) -> bool:
    return isinstance(value, ir.Expr) and value.op == "make_function" and value.closure is not None


class Lifting:
    """One inner function, the derivatives made of it, and their calls."""

    def __init__(self, func_ir: Any, statement: Any) -> None:
        self.ir, self.statement = func_ir, statement
        self.inner = Inner(func_ir, statement.value)
        if not self.inner.lifted:
            raise CantBeLiftedError  # constants alone are left to Numba
        self.calls: list[Any] = []  # of derivatives
        self.products: list[Any] = []  # jvp and hvp
        self.makers: list[Any] = []
        self.tracked = {statement.target.name}
        while self._follow():
            pass
        if not (self.makers or self.products):
            raise CantBeLiftedError  # no derivative is taken

    def _follow(self) -> bool:
        """Find what is made of the function; tell if anything new was."""
        before = len(self.tracked)
        self.calls, self.products, self.makers = [], [], []
        for block in self.ir.blocks.values():
            for each in block.body:
                used = {var.name for var in each.list_vars()} & self.tracked
                if isinstance(each, ir.Assign):
                    used -= {each.target.name}
                if used and not isinstance(each, ir.Del):
                    self._use(each)
        return len(self.tracked) > before

    def _use(self, statement: Any) -> None:
        """Take note of a use of the function, or of a derivative of it."""
        value = getattr(statement, "value", None)
        if not isinstance(statement, ir.Assign) or not self._is_alone(statement.target.name):
            raise CantBeLiftedError  # it goes elsewhere
        if isinstance(value, ir.Var):
            self.tracked.add(statement.target.name)
            return
        if not (isinstance(value, ir.Expr) and value.op == "call") or value.vararg is not None:
            raise CantBeLiftedError  # it goes elsewhere
        given = [var.name for var in [*value.args, *(var for _, var in value.kws)]]
        if value.func.name in self.tracked:
            if set(given) & self.tracked:
                raise CantBeLiftedError  # it is an argument of itself
            self.calls.append(value)
            return
        name = maker_of(self.ir, value.func)
        is_first = given[:1] == [value.args[0].name if value.args else None]
        if name is None or not is_first or set(given[1:]) & self.tracked:
            raise CantBeLiftedError  # it goes elsewhere
        if name in WITH_CONSTANTS:
            if len(value.args) < WITH_CONSTANTS[name]:
                raise CantBeLiftedError  # its constants have no place
            self.products.append(value)
            return
        self._check_positions(value)
        self.makers.append(value)
        self.tracked.add(statement.target.name)

    def _is_alone(self, name: str) -> bool:
        return len(self.ir._definitions[name]) == 1

    def _check_positions(self, call: Any) -> None:
        """Raise unless arguments to differentiate by are counted from the first one."""
        given = [*call.args[1:2], *(var for name, var in call.kws if name == "argnums")]
        for var in given:
            positions = guard(positions_in, self.ir, var)
            if positions is None or not all(isinstance(k, int) and k >= 0 for k in positions):
                raise CantBeLiftedError  # positions from the last count what is captured

    def run(self) -> None:
        """Change the function, and let its calls hand on what it captured."""
        captured, count = self.inner.lifted, self.inner.count
        for call in self.calls:
            if len(call.args) > count:  # an output behind the arguments
                call.args = [*call.args[:count], *captured, *call.args[count:]]
            elif len(call.args) == count:
                call.args = [*call.args, *captured]
            else:
                call.kws = [*call.kws, *zip(self.inner.parameters, captured, strict=True)]
        for call in self.products:
            call.args = [*call.args, *captured]
        name, function = self.inner.code.co_name, self.inner.function()
        closure = self.statement.value.closure
        self._assign(self.statement.target, ir.Global(name, function, self.statement.loc))
        self._drop(closure)

    def _assign(self, target: Any, value: Any) -> None:
        for block in self.ir.blocks.values():
            for each in block.find_insts(ir.Assign):
                if each.target.name == target.name:
                    each.value = value
        self.ir._definitions[target.name] = [value]

    def _drop(self, unused: Any) -> None:
        """Let go of a closure, and of the functions that nothing else refers to."""
        items = get_definition(self.ir, unused).items
        self._assign(unused, ir.Const(None, self.statement.loc))
        for var in items:
            definition = guard(get_definition, self.ir, var)
            is_function = isinstance(definition, ir.Expr) and definition.op == "make_function"
            if is_function and not self._is_used(var):
                self._assign(var, ir.Const(None, self.statement.loc))
                if definition.closure is not None:
                    self._drop(definition.closure)

    def _is_used(self, var: Any) -> bool:
        return any(
            var.name in {other.name for other in each.list_vars()}
            for block in self.ir.blocks.values()
            for each in block.body
            if not isinstance(each, ir.Del)
            and not (isinstance(each, ir.Assign) and each.target.name == var.name)
        )


def positions_in(func_ir: Any, var: Any) -> list[int]:
    """The constants that stand for the positions of arguments."""
    definition = get_definition(func_ir, var)
    if isinstance(definition, ir.Expr) and definition.op == "build_tuple":
        return [k for item in definition.items for k in positions_in(func_ir, item)]
    if not isinstance(definition, CONSTANT):
        raise GuardException
    value = definition.value
    return list(value) if isinstance(value, tuple) else [value]


def maker_of(func_ir: Any, var: Any) -> str | None:
    """The name of the maker of derivatives that a variable stands for, or None."""
    function = guard(constant_in, func_ir, var)
    if not inspect.isfunction(function) or not function.__module__.startswith("numgrad.transforms"):
        return None
    name = function.__name__
    return name if name in MADE or name in WITH_CONSTANTS else None


def constant_in(func_ir: Any, var: Any) -> Any:
    definition = get_definition(func_ir, var)
    if isinstance(definition, ir.Global | ir.FreeVar):
        return definition.value
    if isinstance(definition, ir.Expr) and definition.op == "getattr":
        return getattr(constant_in(func_ir, definition.value), definition.attr, None)
    return None


class Inner:
    """The code of an inner function, and what it captures."""

    def __init__(self, func_ir: Any, made: Any) -> None:
        self.outer, self.code = func_ir.func_id.func, code_of(func_ir, made)
        self.count = self.code.co_argcount
        if made.defaults is not None:
            raise CantBeLiftedError  # it has defaults
        self.constants: dict[str, Any] = {}  # by the names in the code
        self.variables: dict[str, Any] = {}
        self.functions: dict[str, CodeType] = {}  # inner functions that it calls
        self._capture(func_ir, made, self.code)
        self.lifted = list(self.variables.values())
        taken = {*self.code.co_varnames, *self.code.co_cellvars, *self.constants, *self.functions}
        self.parameters = [unused(f"{CAPTURED}{name}", taken) for name in self.variables]

    def _capture(self, func_ir: Any, made: Any, code: CodeType) -> None:
        """Take note of what a function captures, and of what the functions do that it calls."""
        check_code(code)
        items = get_definition(func_ir, made.closure).items
        for name, var in zip(code.co_freevars, items, strict=True):
            definition = guard(get_definition, func_ir, var)
            if isinstance(definition, CONSTANT) and not is_closure(definition):
                self._add(self.constants, name, definition.value)
            elif isinstance(definition, ir.Expr) and definition.op == "make_function":
                if definition.defaults is not None:
                    raise CantBeLiftedError  # it has defaults
                inner = code_of(func_ir, definition)
                if self.functions.get(name) is inner:
                    continue
                if inner is code or inner is self.code:
                    raise CantBeLiftedError  # it calls itself
                if definition.closure is not None:
                    self._capture(func_ir, definition, inner)
                self._add(self.functions, name, inner)
            else:
                self._add(self.variables, name, var)

    def _add(self, table: dict[str, Any], name: str, thing: Any) -> None:
        tables = (self.constants, self.variables, self.functions)
        for each in tables:
            if name in each and (each is not table or not are_same(each[name], thing)):
                raise CantBeLiftedError  # two captured variables have one name
        table[name] = thing

    def function(self) -> Any:
        """The compiled function with what is captured among its arguments: always the same."""
        kept = _lifted.setdefault(self.outer, {})
        key = (
            self.code,
            tuple(self.variables),
            tuple(self.functions.items()),
            tuple((name, id(value)) for name, value in self.constants.items()),
        )
        if key not in kept:
            kept[key] = numba.njit(self._lifted()), self.constants
        return kept[key][0]

    def _lifted(self) -> FunctionType:
        own = list(self.code.co_varnames[: self.count])
        aliases = [f"{name} = {p}" for name, p in zip(self.variables, self.parameters, strict=True)]
        lines = [f"def factory({', '.join(self.constants)}):"]
        lines += [f"    def lifted({', '.join([*own, *self.parameters])}):"]
        lines += [f"        {alias}" for alias in aliases]
        for name, code in self.functions.items():
            lines += template(name, code)
        lines += template("inner_function", self.code)
        lines += [f"        return inner_function({', '.join(own)})", "    return lifted"]
        factory = next(code_in(compile("\n".join(lines), "<lifted>", "exec")))
        model = next(code_in(factory))
        codes = iter([*self.functions.values(), self.code])
        constants = tuple(
            next(codes) if isinstance(each, CodeType) else each for each in model.co_consts
        )
        code = model.replace(
            co_consts=constants,
            co_name=self.code.co_name,
            co_filename=self.code.co_filename,
            co_firstlineno=self.code.co_firstlineno,
        )
        cells = tuple(cell(self.constants[name]) for name in code.co_freevars)
        made = FunctionType(code, self.outer.__globals__, self.code.co_name, None, cells)
        made.__module__ = self.outer.__module__
        made.__qualname__ = f"{self.outer.__qualname__}.<locals>.{self.code.co_name}"
        return made


def template(name: str, code: CodeType) -> list[str]:
    """The source of a function with the parameters and the captured variables of another one."""
    parameters = ", ".join(code.co_varnames[: code.co_argcount])
    captured = "".join(f"{each}, " for each in code.co_freevars)
    return [f"        def {name}({parameters}):", f"            return ({captured})"]


def code_of(func_ir: Any, made: Any) -> CodeType:
    code = (
        made.code if isinstance(made.code, CodeType) else get_definition(func_ir, made.code).value
    )
    assert isinstance(code, CodeType)
    return code


def code_in(code: CodeType) -> Any:
    return (each for each in code.co_consts if isinstance(each, CodeType))


def check_code(code: CodeType) -> None:
    """Raise for what a template can't stand for, and for what writes to captured variables."""
    if code.co_kwonlyargcount or code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS):
        raise CantBeLiftedError  # its parameters can't be told one by one
    if code.co_flags & inspect.CO_GENERATOR or code.co_posonlyargcount:
        raise CantBeLiftedError  # it is a generator, or has parameters without names
    for each in dis.get_instructions(code):
        if each.opname in ("STORE_DEREF", "DELETE_DEREF") and each.argval in code.co_freevars:
            raise CantBeLiftedError  # it assigns a captured variable


def unused(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def are_same(thing: Any, other: Any) -> bool:
    if isinstance(thing, ir.Var):
        return isinstance(other, ir.Var) and thing.name == other.name
    return thing is other


def cell(value: Any) -> Any:
    return (lambda: value).__closure__[0]  # type: ignore[index]
