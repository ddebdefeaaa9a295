"""Python functions and ufuncs as functions that Numba compiles."""

import inspect
from types import FunctionType
from typing import Any
from weakref import WeakKeyDictionary, ref

import numba
from numba.core import ir
from numba.core.compiler import Compiler, CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.registry import CPUDispatcher
from numba.core.typed_passes import NativeLowering, NopythonTypeInference
from numba.core.untyped_passes import FixupArgs

from numgrad.calls.elementwise import has_array
from numgrad.rules.registry import TABLE
from numgrad.targets.options import ELEMENT, InternalCompiler
from numgrad.twin import callees
from numgrad.twin.by_name import PLAIN, PassInPlace, check_parameters
from numgrad.twin.outside import CheckOutside, PlainLowering
from numgrad.twin.source import Body, function_of

_plain: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()  # Python functions, compiled


UFUNCS: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()  # by the functions of one element


_elements: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()  # these, by their ufuncs


def function_of_element(ufunc):
    """Return a ufunc of Numba's as a function of one element; given arrays it is the ufunc."""
    if ufunc not in _elements:
        function = numba.njit(ufunc._dispatcher.py_func, pipeline_class=PlainCompiler, **ELEMENT)
        function._compiler = ElementCompiler(function, ufunc, Compiler)
        UFUNCS[_elements.setdefault(ufunc, function)] = ufunc
    if ufunc in TABLE:
        TABLE[_elements[ufunc]] = TABLE[ufunc]
    return _elements[ufunc]


class ElementCompiler(InternalCompiler):
    """Numba's compiler of a function of one element, and of the ufunc that it makes."""

    def __init__(self, function, ufunc, pipeline):
        super().__init__(function, pipeline)
        names = ", ".join(inspect.signature(function.py_func).parameters)
        body = Body([f"return ufunc({names})"], {"ufunc": ufunc})
        self.on_arrays = function_of(function.py_func.__name__, names, body)

    def _get_implementation(self, args, kws):
        return self.on_arrays if has_array(args) else self.py_func


def plain(function):
    """Return a Python function as one that Numba will compile: the same one each time."""
    if function not in _plain:
        _plain.setdefault(function, Plain(function))
    if function in TABLE:
        TABLE[_plain[function]] = TABLE[function]
    return _plain[function]


class Plain(CPUDispatcher):
    """A Python function that Numba will compile, with the plain functions that it calls."""

    def __init__(self, function):
        options = {"nopython": True, "boundscheck": None}  # those of njit
        super().__init__(copy_of(function), targetoptions=options, pipeline_class=PlainCompiler)
        self._function = ref(function)
        PLAIN.add(self.py_func)

    def compile(self, sig):
        """Compile the function, if Numba tells its arguments apart."""
        check_parameters(self.py_func)
        return super().compile(sig)

    @property
    def stands_for(self):
        """The function itself, while it is there."""
        function = self._function()
        return self.py_func if function is None else function

    def _reduce_states(self):
        return {"function": self.stands_for}

    @classmethod
    def _rebuild(cls, function):
        return plain(function)


def copy_of(function):
    """A copy of a Python function: what is kept for a function must not keep it alive."""
    code, names = function.__code__, function.__globals__
    copy = FunctionType(code, names, function.__name__, function.__defaults__, function.__closure__)
    copy.__kwdefaults__, copy.__annotations__ = function.__kwdefaults__, function.__annotations__
    copy.__module__, copy.__qualname__ = function.__module__, function.__qualname__
    copy.__doc__ = function.__doc__
    vars(copy).update(vars(function))
    return copy


@register_pass(mutates_CFG=False, analysis_only=False)
class CompileCallees(FunctionPass):
    """Compile the plain functions that a plain function calls, which Numba alone doesn't."""

    _name = "numgrad_compile_callees"

    def __init__(self):
        FunctionPass.__init__(self)

    def run_pass(self, state):
        changed = False
        for block in state.func_ir.blocks.values():
            for statement in block.find_insts(ir.Assign):
                value = statement.value
                if isinstance(value, ir.Global | ir.FreeVar) and callees.is_plain(
                    state.typingctx, value.value
                ):
                    value.value = plain(value.value)
                    changed = True
        return changed


def compile_callees_first(manager):
    """Let plain callees be compiled, but where Numba compiles the rest of a function again."""
    if any(each[0] is FixupArgs for each in manager.passes):
        manager.add_pass_after(PassInPlace, FixupArgs)
        manager.add_pass_after(CompileCallees, FixupArgs)


class PlainCompiler(CompilerBase):
    """Numba's pipeline with passes more."""

    def define_pipelines(self):
        manager = DefaultPassBuilder.define_nopython_pipeline(self.state)
        lowering = (PlainLowering, "lowering")
        manager.passes = [lowering if p[0] is NativeLowering else p for p in manager.passes]
        compile_callees_first(manager)
        manager.add_pass_after(CheckOutside, NopythonTypeInference)
        manager.finalize()
        return [manager]
