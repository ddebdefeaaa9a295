"""Run the code that numba-cuda generates for a kernel, on a machine without a GPU.

numba-cuda lowers a kernel to LLVM IR, from which NVVM makes PTX. Here the same IR is taken to the
host: pointers to types become plain pointers, the registers that number threads and blocks become
variables, calls of libdevice become calls of the C library. LLVM compiles it and a loop plays the
grid, one thread after the other. Unlike Numba's simulator, which interprets Python, this runs what
types and rules are really lowered to. No barriers, no shared memory.
"""

import ctypes
import itertools
import math
import re
from contextlib import contextmanager
from types import SimpleNamespace

import llvmlite.binding as llvm
import numpy as np
import pytest

pytest.importorskip("numba.cuda.core", reason="needs the extra cuda")

from cuda.bindings import nvjitlink
from numba import cuda
from numba.cuda import dispatcher, types
from numba.cuda.typing.typeof import typeof

from numgrad import numba_extension
from numgrad.targets import cuda_arrays, cuda_compiler, cuda_device, cuda_functions
from numgrad.targets.cuda_compiler import code_of

CAPABILITY = (9, 0)
CAPABILITIES = [(7, 5), (8, 0), (9, 0), (10, 0)]
REGISTERS = [f"{name}.{axis}" for name in ("tid", "ntid", "ctaid", "nctaid") for axis in "xyz"]

# What libdevice calls otherwise than the C library, and what that one doesn't have.
RENAMED = {"dsqrt_rn": "sqrt", "fsqrt_rn": "sqrtf"}


def power(number):
    """Return a function of C that gives a number's power with an integer exponent."""
    return ctypes.CFUNCTYPE(number, number, ctypes.c_int32)(lambda x, n: np.float64(x) ** n)


def tests_number(number, function):
    """Return a function of C that tells something of a number."""
    return ctypes.CFUNCTYPE(ctypes.c_int32, number)(lambda x: int(function(x)))


OWN = {"powi": power(ctypes.c_double), "powif": power(ctypes.c_float)}
for suffix, number in (("d", ctypes.c_double), ("f", ctypes.c_float)):
    OWN[f"isinf{suffix}"] = tests_number(number, math.isinf)
    OWN[f"isnan{suffix}"] = tests_number(number, math.isnan)
OWN["isfinited"] = tests_number(ctypes.c_double, math.isfinite)
OWN["finitef"] = tests_number(ctypes.c_float, math.isfinite)


def check_library(module):
    """Raise if a module calls a function that is nowhere: it would be called at address 0."""
    for function in module.functions:
        name = function.name
        if function.is_declaration and not name.startswith("llvm."):
            if name in OWN:
                address = ctypes.cast(OWN[name], ctypes.c_void_p).value
                llvm.add_symbol(name, address)
            if llvm.address_of_symbol(name) is None:
                raise NotImplementedError(f"{name} of libdevice is not on the host")


@contextmanager
def no_device():
    """Let numba-cuda compile device functions as if there were a device."""
    # tests before may have loaded names of numgrad without numba.cuda
    numba_extension.register_in_kernels()
    stand_in = SimpleNamespace(compute_capability=CAPABILITY, id=0)
    with pytest.MonkeyPatch.context() as patch:
        for module in (dispatcher, cuda_functions):
            patch.setattr(module, "get_current_device", lambda: stand_in)
        yield


def code_for(function, arguments, **options):
    """Return what is compiled of a kernel for arguments."""
    with no_device():
        return code_of(function, tuple(map(typeof, arguments)), CAPABILITY, **options)


class HostKernel:
    """A kernel that runs on the host, for arguments of the types of some examples."""

    def __init__(self, function, arguments, **options):
        initialize()
        self.code = code_for(function, arguments, **options)
        self.ir = self.code.library.llvm_strs
        module = llvm.parse_assembly(on_host(self.ir[0]))
        for other in self.ir[1:]:
            module.link_in(llvm.parse_assembly(on_host(other)))
        machine = llvm.Target.from_default_triple().create_target_machine(opt=1)
        module = self.prepared(module, machine)
        module.verify()
        check_library(module)
        self.engine = llvm.create_mcjit_compiler(module, machine)
        self.engine.finalize_object()
        self.address = self.engine.get_function_address(self.code.library._entry_name)
        self.registers = {
            name: ctypes.c_int32.from_address(self.engine.get_global_value_address(f"sreg.{name}"))
            for name in REGISTERS
        }

    def __call__(self, blocks, threads, *arguments):
        """Run the kernel on a grid; both shapes are tuples of up to three lengths."""
        flat = [item for argument in arguments for item in flattened(argument)]
        function = ctypes.CFUNCTYPE(None, *map(type, flat))(self.address)
        grid, block = filled(blocks), filled(threads)
        self._set("nctaid", grid)
        self._set("ntid", block)
        for place in itertools.product(*map(range, grid)):
            self._set("ctaid", place)
            for thread in itertools.product(*map(range, block)):
                self._set("tid", thread)
                function(*flat)

    def prepared(self, module, machine):
        return module

    def _set(self, name, numbers):
        for axis, number in zip("xyz", numbers, strict=True):
            self.registers[f"{name}.{axis}"].value = number


class TracedKernel(HostKernel):
    """A kernel that notes which memory each of its threads reads and writes."""

    ACCESS = re.compile(r"^ +(?:%\S+ = load|store) ([\w.]+).*, ptr (%[\w.]+),", re.M)
    NOTE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int32)

    def prepared(self, module, machine):
        """Return a module that notes every access which optimization has left."""
        self.accesses = {}  # of each thread, in turn: the address, and whether it is written
        options = llvm.create_pipeline_tuning_options(speed_level=2)
        options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = False
        passes = llvm.create_pass_builder(machine, options)
        passes.getModulePassManager().run(module, passes)
        noted = self.ACCESS.sub(
            lambda m: f"  call void @note(ptr {m[2]}, i32 {int('store' in m[0])})\n{m[0]}",
            str(module),
        )
        self.note = self.NOTE(self._note)
        llvm.add_symbol("note", ctypes.cast(self.note, ctypes.c_void_p).value)
        return llvm.parse_assembly(noted + "\ndeclare void @note(ptr, i32)\n")

    def _note(self, address, written):
        thread = self.registers["ctaid.x"].value, self.registers["tid.x"].value
        self.accesses.setdefault(thread, []).append((address, bool(written)))


def filled(shape):
    return (*shape, 1, 1, 1)[:3]


def initialize():
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


def flattened(argument):
    """Yield an argument as the numbers that a kernel takes."""
    if isinstance(argument, tuple):
        for item in argument:
            yield from flattened(item)
        return
    if isinstance(argument, np.ndarray):
        head = [0, 0, argument.size, argument.itemsize, argument.ctypes.data]
        yield from map(ctypes.c_int64, [*head, *argument.shape, *argument.strides])
        return
    kind = typeof(argument)
    if isinstance(kind, types.Complex):
        number = ctypes.c_float if kind == types.complex64 else ctypes.c_double
        yield from (number(argument.real), number(argument.imag))
    elif isinstance(kind, types.Float):
        yield (ctypes.c_float if kind == types.float32 else ctypes.c_double)(argument)
    else:
        yield getattr(ctypes, f"c_{kind}" if str(kind) != "bool" else "c_bool")(argument)


def on_host(module):
    """Return a module of LLVM IR as one for the host."""
    module = re.sub(r"target triple.*", f'target triple = "{llvm.get_process_triple()}"', module)
    module = re.sub(r"target datalayout.*", "", module)
    module = re.sub(r"!nvvm.*", "", module)
    module = opaque(module)
    for name in REGISTERS:
        read = f'@"llvm.nvvm.read.ptx.sreg.{name}"()'
        module = module.replace(f"declare i32 {read}", "")
        module = module.replace(f"call i32 {read}", f'load i32, ptr @"sreg.{name}"')
    module += "\n".join(f'\n@"sreg.{name}" = common global i32 0' for name in REGISTERS)
    return re.sub(r'@"?__nv_(\w+)"?', lambda m: f'@"{library_name(m[1])}"', module)


def library_name(name):
    return RENAMED.get(name, name)


SIMPLE = re.compile(
    r'(\bptr|\bi\d+|\bdouble|\bfloat|\bhalf|\bvoid \([^()]*\)|%"?[\w.]+"?(?= ?\*))'
    r"\s?(addrspace\(\d+\))?\*"
)
AGGREGATES = [re.compile(r) for r in (r"\{[^{}]*\}\*", r"\[[^\[\]{}]*\]\*", r"<[^<>]*>\*")]


def opaque(module):
    """Return a module whose pointers don't say what they point to."""
    before = None
    while before != module:
        before = module
        module = SIMPLE.sub("ptr", module)
        for pattern in AGGREGATES:
            module = pattern.sub("ptr", module)
        module = nested(module)
    return module


def nested(module):
    """Replace pointers to aggregates of aggregates."""
    start = 0
    while match := re.search(r"[}\]>]\*", module[start:]):
        end = first = start + match.start()
        depth = 0
        while first >= 0:
            depth += {"}": 1, "]": 1, ">": 1, "{": -1, "[": -1, "<": -1}.get(module[first], 0)
            if depth == 0:
                break
            first -= 1
        module = module[:first] + "ptr" + module[end + 2 :]
        start = first
    return module


# What the assembler says


def ptx_of(kernel, capability):
    (ptx,) = kernel.code.library.get_asm_strs(cc=capability)
    return ptx


def resources(ptx, capability):
    """Return how many registers a thread takes, and how many bytes of them are spilled."""
    options = [f"-arch=sm_{capability[0]}{capability[1]}", "-verbose", "-Xptxas=-v"]
    handle = nvjitlink.create(len(options), options)
    nvjitlink.add_data(handle, nvjitlink.InputType.PTX, ptx.encode(), len(ptx), "kernel")
    nvjitlink.complete(handle)
    text = bytearray(nvjitlink.get_info_log_size(handle))
    nvjitlink.get_info_log(handle, text)
    nvjitlink.destroy(handle)
    registers, spilled = (
        [int(number) for number in re.findall(pattern, text.decode())]
        for pattern in (r"Used (\d+) registers", r"(\d+) bytes spill")
    )
    return max(registers), sum(spilled)  # of the kernel and of what it calls


# A device made of the host


class DeviceArray:
    """An array on a device that is really the host, as another library would have it."""

    def __init__(self, array):
        self.array = array
        self.shape = array.shape

    @property
    def __cuda_array_interface__(self):
        return {**self.array.__array_interface__, "version": 3, "stream": None}


class Line(np.ndarray):
    """Memory on the device for a kernel."""

    def copy_to_host(self, target=None):
        target = np.empty_like(self) if target is None else target
        target[...] = self
        return target

    def copy_to_device(self, source):
        self[...] = source


def empty_like(array, dtype, strides, stream):
    size = int(np.prod(array.shape))
    memory = np.full(size, 7, dtype)
    return DeviceArray(np.lib.stride_tricks.as_strided(memory, array.shape, strides))


@contextmanager
def on_host_as_device(kernel_class=HostKernel, grid=(3,), block=(7,)):
    """Run kernels on the host wherever numgrad would launch them on a device.

    Yield the kernels run, by their functions and the types of their arguments. Neither the grid
    nor the block divides what there is to do, if not told otherwise.
    """
    kernels = {}

    def launch(self, count, stream, *arguments):
        key = self.function, tuple(map(typeof, arguments))
        if key not in kernels:
            kernels[key] = kernel_class(self.function, arguments, **self.options)
        kernels[key](grid, block, *arguments)

    with no_device(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(cuda_compiler.Kernel, "launch", launch)
        patch.setattr(cuda_arrays, "ready", lambda: cuda)
        patch.setattr(cuda_device, "ready", lambda: cuda)
        patch.setattr(cuda_compiler, "ready", lambda: cuda)
        patch.setattr("numgrad.fields.operators.gradient.ready", lambda: cuda)
        patch.setattr(cuda_arrays, "array_at", lambda shadow, owner: shadow.view(Line))
        patch.setattr(cuda_arrays, "to_device", lambda array, stream: array.copy().view(Line))
        patch.setattr(
            cuda_arrays, "empty", lambda n, dtype, stream: np.full(n, 7, dtype).view(Line)
        )
        patch.setattr(cuda_arrays, "empty_like", empty_like)
        patch.setattr(
            cuda_arrays,
            "empty_of",
            lambda a, shape, dtype, stream: DeviceArray(np.full(shape, 7, dtype)),
        )
        patch.setattr(cuda_arrays, "free_bytes", lambda: 1e12)
        patch.setattr(cuda_arrays, "stream_of", lambda stream, arrays: 0)
        yield kernels
