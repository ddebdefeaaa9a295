"""Functions that kernels call, compiled by the rules of numgrad. Imported for CUDA only.

numba-cuda compiles a function of ``numba.njit`` anew when a kernel calls it, from its Python source
and with passes of its own. A twin and a driver need more than that: a pass, and a source that
depends on the types of the arguments.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from numgrad.targets.cuda_device import loaded
from numgrad.targets.front_end import front_of

cuda = loaded()

from numba.core.errors import NumbaError  # noqa: E402
from numba.cuda.compiler import CUDACompiler, compile_extra  # noqa: E402
from numba.cuda.core import untyped_passes  # noqa: E402
from numba.cuda.core.bytecode import FunctionIdentity  # noqa: E402
from numba.cuda.core.callconv import CUDACallConv  # noqa: E402
from numba.cuda.core.compiler_lock import global_compiler_lock  # noqa: E402
from numba.cuda.core.compiler_machinery import (  # noqa: E402
    FunctionPass,
    PassManager,
    register_pass,
)
from numba.cuda.core.targetconfig import ConfigStack  # noqa: E402
from numba.cuda.core.typed_passes import (  # noqa: E402
    NopythonTypeInference,
    type_inference_stage,
)
from numba.cuda.descriptor import cuda_target  # noqa: E402
from numba.cuda.dispatcher import CUDADispatcher, get_current_device  # noqa: E402
from numba.cuda.flags import CUDAFlags  # noqa: E402
from numba.cuda.utils import numba_target_override  # noqa: E402


@global_compiler_lock  # type: ignore[untyped-decorator]
def compiled(
    function: Callable[..., Any],
    kinds: tuple[Any, ...],
    returned: Any,
    capability: tuple[int, int],
    *,
    contraction: bool,
    pipeline: Any = CUDACompiler,
) -> Any:
    """The overload that numba-cuda compiles of a function for given argument types.

    It is its ``compile_cuda`` with two things more: a pipeline, and whether products and sums may
    be contracted.
    """
    flags = flags_for(capability)
    flags.nvvm_options = {"opt": 3} if contraction else {"opt": 3, "fma": False}
    with numba_target_override():
        result = compile_extra(
            typingctx=cuda_target.typing_context,
            targetctx=cuda_target.target_context,
            func=function,
            args=kinds,
            return_type=returned,
            flags=flags,
            locals={},
            pipeline_class=pipeline,
            call_conv=CUDACallConv(cuda_target.target_context),
            abi_info={},
        )
    result.library.finalize()
    return result


def flags_for(capability: tuple[int, int]) -> Any:
    """Return the flags with which functions of kernels are compiled."""
    flags = CUDAFlags()
    flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
    flags.error_model = "numpy"
    flags.compute_capability = capability
    return flags


@global_compiler_lock  # type: ignore[untyped-decorator]
def front_end_state(function: Callable[..., Any], kinds: tuple[Any, ...]) -> Any:
    """The state of numba-cuda's front end after type inference of a function."""
    flags = flags_for(get_current_device().compute_capability)
    with numba_target_override(), ConfigStack().enter(flags.copy()):
        pipeline = CUDACompiler(
            cuda_target.typing_context, cuda_target.target_context, None, kinds, None, flags, {}
        )
        pipeline.state.func_id = FunctionIdentity.from_function(function)
        untyped_passes.ExtractByteCode().run_pass(pipeline.state)
        front_of(pipeline, PassManager, NopythonTypeInference).run(pipeline.state)
    return pipeline.state


def types_in_pass(state: Any, kinds: tuple[Any, ...]) -> Any:
    """Return the types of the function that a pass is given, for arguments of other types."""
    return type_inference_stage(
        state.typingctx, state.targetctx, state.func_ir, kinds, None, state.locals
    )


class DeviceFunction(CUDADispatcher):  # type: ignore[misc]
    """A function that kernels call, with a source and a pipeline for each combination of types."""

    def __init__(
        self,
        function: Callable[..., Any],
        source: Callable[[tuple[Any, ...]], Callable[..., Any]],
        carry: Callable[[tuple[Any, ...]], Callable[[Any], bool] | None],
        explained: Callable[[Exception], Exception] | None,
    ) -> None:
        super().__init__(function, {"device": True, "opt": True})
        self._source, self._carry, self._explained = source, carry, explained

    def compile_device(self, args: tuple[Any, ...], return_type: Any = None) -> Any:
        """The overload for given argument types, compiled once for each combination."""
        args = tuple(args)
        if args not in self.overloads:
            try:
                with self._compiling_counter:
                    result = self._compiled(args, return_type)
            except NumbaError as error:
                if self._explained is None:
                    raise
                raise self._explained(error) from error
            self.overloads[args] = result
            result.target_context.insert_user_function(
                result.entry_point, result.fndesc, [result.library]
            )
        return self.overloads[args]

    def _compiled(self, args: tuple[Any, ...], return_type: Any) -> Any:
        carry = self._carry(args)
        return compiled(
            self._source(args),
            args,
            return_type,
            get_current_device().compute_capability,
            contraction=True,
            pipeline=CUDACompiler if carry is None else compiler_with(carry),
        )


@cache
def compiler_with(carry: Callable[[Any], bool]) -> Any:
    """Return numba-cuda's pipeline with one pass more, after variables have one definition each."""

    @register_pass(mutates_CFG=False, analysis_only=False)
    class Added(FunctionPass):  # type: ignore[misc]
        _name = f"numgrad_{carry.__name__}"

        def __init__(self) -> None:
            FunctionPass.__init__(self)

        def run_pass(self, state: Any) -> bool:
            return carry(state)

    class Compiler(CUDACompiler):  # type: ignore[misc]
        def define_pipelines(self) -> list[Any]:
            (manager,) = super().define_pipelines()
            ssa = self.state.flags.enable_ssa
            last = untyped_passes.ReconstructSSA if ssa else untyped_passes.LiteralUnroll
            manager.add_pass_after(Added, last)
            manager.finalize()
            return [manager]

    return Compiler


def return_type(function: Any, kinds: tuple[Any, ...]) -> Any:
    """The return type of a function in a kernel for given argument types."""
    typing = cuda_target.typing_context
    kind = typing.resolve_value_type(function)
    return typing.resolve_function_type(kind, tuple(kinds), {}).return_type
