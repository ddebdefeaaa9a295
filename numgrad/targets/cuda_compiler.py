"""Compilation by numba-cuda: kernels, their callees, and our definitions."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from numgrad.targets.cuda_device import is_installed, loaded, ready, simulated

THREADS = 256  # a block
BLOCKS = 8  # a multiprocessor: as many threads as one holds
SIMULATED_GRID = (2, 4)  # blocks and threads: the simulator starts a thread of Python for each

DEFINERS: list[Callable[[], None]] = []  # they tell numba-cuda what it must know, once each


class Kernel:
    """A function that a grid of threads runs, compiled for each combination of argument types.

    `numba.cuda.jit` would let the device contract a product and a sum to one rounding, which NumPy
    doesn't; nothing but an option of the compiler turns that off. ``resident`` is how many blocks
    at least a multiprocessor should hold, which bounds the registers of a thread.
    """

    def __init__(
        self, function: Callable[..., Any], *, contraction: bool = False, resident: int = 1
    ) -> None:
        self.function = function
        self.options: dict[str, Any] = {"contraction": contraction, "resident": resident}
        self._kernels: dict[Any, Any] = {}

    def launch(self, count: int, stream: Any, *arguments: Any) -> None:
        """Let a grid run that is fit for so many items, each thread every so many of them."""
        cuda = ready()
        if simulated():
            cuda.jit(self.function)[SIMULATED_GRID](*arguments)
            return
        from numba.cuda.cudadrv.driver import _to_core_stream
        from numba.cuda.typing.typeof import typeof

        device = cuda.get_current_device()
        kinds = tuple(typeof(argument) for argument in arguments)
        key = kinds, device.id
        if key not in self._kernels:
            self._kernels.setdefault(key, self._kernel(kinds, device.compute_capability))
        blocks = min(-(-count // THREADS), BLOCKS * device.MULTIPROCESSOR_COUNT)
        stream = _to_core_stream(stream)
        self._kernels[key].launch(arguments, (blocks, 1, 1), (THREADS, 1, 1), stream)

    def _kernel(self, kinds: tuple[Any, ...], capability: tuple[int, int]) -> Any:
        from numba.cuda.dispatcher import _Kernel

        compiled = code_of(self.function, kinds, capability, **self.options)
        kernel = _Kernel._rebuild(  # as one is rebuilt that comes from a cache on disk
            cooperative=False,
            name=compiled.library._entry_name,
            signature=compiled.signature,
            codelibrary=compiled.library,
            debug=False,
            lineinfo=False,
            call_helper=compiled.call_helper,
            extensions=[],
        )
        kernel.bind()
        return kernel


def code_of(
    function: Callable[..., Any],
    kinds: tuple[Any, ...],
    capability: tuple[int, int],
    *,
    contraction: bool = False,
    resident: int = 1,
) -> Any:
    """The overload of a kernel: its ``library`` holds LLVM IR and PTX.

    No device is needed, if none of the functions called are `device` functions.
    """
    from numba.cuda.compiler import kernel_fixup
    from numba.cuda.cudadrv import nvvm
    from numba.cuda.types import void

    from numgrad.targets import cuda_functions

    compiled = cuda_functions.compiled(function, kinds, void, capability, contraction=contraction)
    library = compiled.library
    kernel = library.get_function(compiled.fndesc.llvm_func_name)
    library._entry_name = compiled.fndesc.llvm_func_name
    kernel_fixup(kernel, False)
    nvvm.set_launch_bounds(kernel, (THREADS, resident))
    return compiled


def device(function: Callable[..., Any]) -> Any:
    """Compile a function that only kernels call."""
    return loaded().jit(device=True)(function)


def function_in_kernels(
    function: Callable[..., Any],
    source: Callable[[tuple[Any, ...]], Callable[..., Any]],
    carry: Callable[[tuple[Any, ...]], Callable[[Any], bool] | None] = lambda _: None,
    explained: Callable[[Exception], Exception] | None = None,
) -> Any:
    """The function for kernels in place of one compiled by rules of ours.

    ``source`` gives its source for arguments of some types; ``carry`` a pass to run over it once
    every variable has one definition, or None; ``explained`` the error to raise for the compiler's.
    """
    loaded()
    from numgrad.targets import cuda_functions

    define_all()
    return cuda_functions.DeviceFunction(function, source, carry, explained)


@contextmanager
def compiling() -> Iterator[None]:
    """Let the types of functions be those that they have in kernels."""
    from numba.core.target_extension import target_override

    loaded()
    with target_override("cuda"):
        yield


def return_type(function: Any, kinds: Any) -> Any:
    """The return type of a function in a kernel for given argument types."""
    from numgrad.targets import cuda_functions

    return cuda_functions.return_type(function, tuple(kinds))


def front_end_state(function: Callable[..., Any], kinds: tuple[Any, ...]) -> Any:
    """The state of numba-cuda's front end after type inference of a function."""
    from numgrad.targets import cuda_functions

    return cuda_functions.front_end_state(function, kinds)


def types_in_pass(state: Any, kinds: tuple[Any, ...]) -> Any:
    """Return the types of the function that a pass is given, for arguments of other types."""
    from numgrad.targets import cuda_functions

    return cuda_functions.types_in_pass(state, kinds)


def define_all() -> None:
    """Tell numba-cuda what it must know before it compiles a kernel.

    Numba's entry point for extensions does not serve kernels, so this is called wherever numgrad
    meets CUDA: when a name of numgrad is first used in a process that has loaded ``numba.cuda``,
    and when a kernel calls a derivative.
    """
    if not is_installed():  # Numba comes with a remnant of numba.cuda
        return
    defined = bool(DEFINERS)
    while DEFINERS:
        DEFINERS.pop(0)()
    if defined:
        refresh()


def define(function: Any, typed: Any, **options: Any) -> None:
    """Define a function in kernels as an overload does elsewhere.

    The compiler of CUDA can't take in an overload of Numba's that says ``inline="always"``.
    """
    loaded()
    if not simulated():
        from numba.cuda.extending import overload

        overload(function, strict=False, **options)(typed)
        _forget_inlined(function)


def _forget_inlined(function: Any) -> None:
    """Let kernels know a function by what is never inlined, as our definitions for them are.

    numba-cuda inlines any overload that Numba has inlined before, for whatever target, and then
    takes Numba's statements for its own.
    """
    from numba.cuda.descriptor import cuda_target

    context = cuda_target.typing_context
    context.refresh()
    kind = context._lookup_global(function)
    kept = [each for each in kind.templates if _is_never_inlined(each)]
    context._remove_global(function)
    context._insert_global(function, type(kind)(tuple(kept)))


def _is_never_inlined(template: Any) -> bool:
    inline = getattr(template, "_inline", None)
    return inline is None or bool(inline.is_never_inline)


def type_local_arrays(typed: Callable[[Any, tuple[int, ...]], Any]) -> None:
    """Let local arrays have types of ours, which know their sizes.

    numba-cuda has the sizes at hand when it types one, and drops them.
    """
    from numba.cuda import types
    from numba.cuda.cudadecl import Cuda_array_decl, Cuda_local_array

    def generic(self: Any) -> Callable[..., Any]:
        typer = Cuda_array_decl.generic(self)

        def sized(shape: Any, dtype: Any, alignment: Any = None) -> Any:
            array = typer(shape, dtype, alignment)
            if array is None:
                return None
            sizes = shape if isinstance(shape, types.BaseTuple) else (shape,)
            return typed(array, tuple(size.literal_value for size in sizes))

        return sized

    Cuda_local_array.generic = generic


def define_attributes(kind: type, attributes: dict[str, Any], methods: dict[str, Any]) -> None:
    """Define attributes and methods of a type in kernels."""
    from numba.cuda.extending import overload_attribute, overload_method

    for name, typed in attributes.items():
        overload_attribute(kind, name)(typed)
    for name, typed in methods.items():
        overload_method(kind, name)(typed)


def add_loops(loops: dict[Any, dict[str, Any]]) -> None:
    """Let kernels call functions of NumPy's with single numbers, where numba-cuda can't yet."""
    from numba.cuda.ufuncs import ufunc_db

    def lowered(function: Callable[..., Any]) -> Callable[..., Any]:
        def lower(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
            return context.compile_internal(builder, function, sig, arguments)

        return lower

    known = ufunc_db()
    for function, bodies in loops.items():
        known.setdefault(function, {loop: lowered(body) for loop, body in bodies.items()})


def refresh() -> None:
    """Let numba-cuda take in what was registered since it last looked."""
    if not simulated():
        from numba.cuda.descriptor import cuda_target

        cuda_target.typing_context.refresh()
        cuda_target.target_context.refresh()
