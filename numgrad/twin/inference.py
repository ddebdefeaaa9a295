"""The types of a function's variables for arguments without derivatives, found without compiling.

Numba infers types from those of the arguments, and compiles whatever a function calls as soon as it
meets it. Here only its front end runs, for callees too: up to type inference, which takes a
twentieth of the time. While it does, the flags on top of Numba's stack are `FrontEndFlags`; a
dispatcher that is asked for its signature then infers it.
"""

import dis
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from weakref import ref

from numba.core import types, typing
from numba.core.bytecode import FunctionIdentity
from numba.core.compiler import ExtractByteCode, Flags, PassManager
from numba.core.compiler_lock import global_compiler_lock
from numba.core.dispatcher import Dispatcher
from numba.core.errors import NumbaError, NumbaWarning
from numba.core.targetconfig import ConfigStack
from numba.core.typed_passes import NopythonTypeInference, type_inference_stage

from numgrad.targets import cuda_compiler, cuda_device
from numgrad.targets.front_end import front_of
from numgrad.twin.beside import Beside


class FrontEndFlags(Flags):
    """Flags of a compilation that ends with type inference."""


@dataclass(frozen=True)
class Inferred:
    """The inferred types of a function for given argument types."""

    ir: Any  # None if unknown
    returned: Any = None  # the type of its result
    variables: Any = None  # the types of variables by their names; empty where nothing is known
    calls: Any = None  # the signatures of calls by their expressions

    def type_of(self, name: str) -> Any:
        return self.variables.get(name)


_inferred = Beside("inferred")


def is_front_end() -> bool:
    """Whether the compilation under way ends with type inference."""
    return isinstance(ConfigStack.top_or_none(), FrontEndFlags)


@contextmanager
def front_end(flags: Any = None) -> Iterator[Any]:
    """Let callees be typed only, not compiled, with the options of some flags."""
    flags = flags or ConfigStack.top_or_none()
    own = FrontEndFlags() if flags is None else FrontEndFlags(flags)
    own.nrt = True  # functions may return arrays
    with ConfigStack().enter(own), warnings.catch_warnings():
        warnings.simplefilter("ignore", NumbaWarning)  # said again where the function is compiled
        yield own


def inferred(dispatcher: Any, kinds: tuple[Any, ...]) -> Inferred:
    """Infer the types of a compiled function for given argument types."""
    if cuda_device.in_kernel():
        state = cuda_compiler.front_end_state(dispatcher.py_func, kinds)
        return Inferred(state.func_ir, state.return_type, state.typemap, state.calltypes)
    type_callees_only_in_front_ends()
    if has_context_managers(dispatcher.py_func):  # Numba compiles the blocks in them at once
        return Inferred(None, compiled_signature(dispatcher, kinds).return_type)
    known: dict[Any, Inferred] = _inferred.setdefault(dispatcher, {})
    if kinds not in known:
        known[kinds] = _infer(dispatcher, kinds)
    return known[kinds]


def _infer(dispatcher: Any, kinds: tuple[Any, ...]) -> Inferred:
    with global_compiler_lock, dispatcher._compiling_counter:
        compiler = dispatcher._compiler
        target = compiler.targetdescr
        options = Flags()
        target.options.parse_as_flags(options, compiler.targetoptions)
        with front_end(compiler._customize_flags(options)) as flags:
            source = compiler._get_implementation(kinds, {})
            pipeline = compiler.pipeline_class(
                target.typing_context, target.target_context, None, kinds, None, flags, {}
            )
            state = pipeline.state
            state.func_id = FunctionIdentity.from_function(source)
            ExtractByteCode().run_pass(state)
            front_of(pipeline, PassManager, NopythonTypeInference).run(state)
    return Inferred(state.func_ir, state.return_type, state.typemap, state.calltypes)


def has_context_managers(function: Any) -> bool:
    """Whether there is a ``with`` statement in a function."""
    return any(each.opname.endswith("_WITH") for each in dis.get_instructions(function))


def inferred_in_pass(state: Any, kinds: tuple[Any, ...]) -> Inferred:
    """Infer the types of the function that a pass of Numba's gets, for other argument types.

    Where that fails, no types are known.
    """
    type_callees_only_in_front_ends()
    try:
        types = types_in_pass(state, kinds)
    except NumbaError:
        return Inferred(state.func_ir, None, {}, {})
    return Inferred(state.func_ir, types.return_type, types.typemap, types.calltypes)


def types_in_pass(state: Any, kinds: tuple[Any, ...]) -> Any:
    if cuda_device.in_kernel():
        return cuda_compiler.types_in_pass(state, kinds)
    with front_end(state.flags):
        return type_inference_stage(
            state.typingctx, state.targetctx, state.func_ir, kinds, None, state.locals
        )


def signature_of(dispatcher: Any, kinds: tuple[Any, ...]) -> Any:
    """Return the signature of a compiled function for arguments of some types."""
    if kinds in dispatcher.overloads:
        return dispatcher.overloads[kinds].signature
    if dispatcher.is_compiling:  # it calls itself with arguments of other types
        return compiled_signature(dispatcher, kinds)
    return typing.signature(inferred(dispatcher, kinds).returned, *kinds)


def compiled_signature(dispatcher: Any, kinds: tuple[Any, ...]) -> Any:
    """Return the signature of a function after compiling it, as if nothing else were under way.

    A function on Numba's stack of calls would be taken for one that will have been compiled.
    """
    calls = dispatcher.targetdescr.typing_context.callstack
    waiting, calls._stack = calls._stack, []
    try:
        dispatcher.compile(kinds)
    finally:
        calls._stack = waiting
    return dispatcher.overloads[kinds].signature


_deferred = Beside("deferred")


def deferred(dispatcher: Any, kinds: tuple[Any, ...]) -> Any:
    """A stand-in for the machine code of a function that isn't compiled yet.

    Numba and its extensions keep what they find while types are inferred, and may emit a call of it
    later. The function is compiled then.
    """
    kept = _deferred.setdefault(dispatcher, {})
    if kinds not in kept:
        kept.setdefault(kinds, _deferred_to(ref(dispatcher), kinds))
    return kept[kinds]


def _deferred_to(dispatcher: Any, kinds: tuple[Any, ...]) -> Any:
    def lower(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        dispatcher().compile(kinds)
        code = context.get_function(types.Dispatcher(dispatcher()), sig)
        return code(builder, arguments)

    target = dispatcher().targetdescr.target_context
    target.insert_func_defn([(lower, lower, kinds)])
    return lower


@cache
def type_callees_only_in_front_ends() -> None:
    """Let dispatchers infer signatures, in the place of compiling, where only types are asked for.

    Numba has no hook for it.
    """
    compiled_template, compiled_overload = Dispatcher.get_call_template, Dispatcher.get_overload

    def get_call_template(self: Any, args: Any, kws: Any) -> Any:
        if not (is_front_end() and self._can_compile):
            return compiled_template(self, args, kws)
        pysig, args = self._compiler.fold_argument_types(args, kws)
        template = typing.make_concrete_template(
            f"CallTemplate({self.py_func.__name__})",
            key=self.py_func.__name__,
            signatures=[signature_of(self, tuple(args))],
        )
        return template, pysig, args, {}

    def get_overload(self: Any, sig: Any) -> Any:
        return deferred(self, tuple(sig)) if is_front_end() else compiled_overload(self, sig)

    Dispatcher.get_call_template = get_call_template
    Dispatcher.get_overload = get_overload
