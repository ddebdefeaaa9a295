"""Numba's pipeline for twins: the passes that make one of a function, and those that check it."""

from collections import Counter
from typing import Any

from numba import types
from numba.core import ir
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import AnalysisPass, FunctionPass, register_pass
from numba.core.lowering import Lower
from numba.core.typed_passes import NativeLowering, NopythonTypeInference
from numba.core.untyped_passes import InlineInlinables, LiteralUnroll, ReconstructSSA

from numgrad.caching.contents import Contents
from numgrad.caching.known import NoDigestError
from numgrad.numbers.carrier import NotUniformError, highest, joined, without_derivatives
from numgrad.twin import classes
from numgrad.twin.activity import Activity
from numgrad.twin.aliases import divided_memory
from numgrad.twin.errors import located
from numgrad.twin.inference import front_end, inferred_in_pass
from numgrad.twin.inlining import InlineSmallCallees
from numgrad.twin.loops import Loops
from numgrad.twin.outside import kept
from numgrad.twin.plain import CompileCallees, compile_callees_first
from numgrad.twin.rewriting import Rewriting
from numgrad.twin.summaries import remember_draws
from numgrad.twin.temporaries import Temporaries, are_unlike, outliving


def calls_itself(function):
    """Whether a function calls itself, or another one that does in the end."""
    contents = Contents()
    try:
        callees = contents.part(function).children
        return any(part.thing is function for each in callees for part in contents.parts(each))
    except NoDigestError:  # its callees can't be followed
        return True


@register_pass(mutates_CFG=False, analysis_only=False)
class CarryDerivatives(FunctionPass):
    """Replace callees and allocations by their active versions."""

    _name = "numgrad_carry_derivatives"

    def __init__(self):
        FunctionPass.__init__(self)

    def run_pass(self, state):
        carry_derivatives(state, state.pipeline.active_versions)
        return True


def carry_derivatives(state, active_versions):
    """Make a twin of a function that is being compiled."""
    kinds = tuple(map(without_derivatives, state.args))
    activity = Activity(inferred_in_pass(state, kinds))
    activity.activate(state.args)
    remember_draws(state.func_id.func, kinds, activity)
    is_recursive = calls_itself(state.func_id.func)
    carrier = joined(state.args)
    rewriting = Rewriting(state, activity, carrier, active_versions, is_recursive)
    rewriting.run()
    if carrier is not None and carrier.has_temporaries:
        carry_temporaries(activity, carrier, state.flags)
    state.metadata["numgrad_activity"] = activity
    if rewriting.registered:  # Numba takes in what is registered only when asked to
        state.typingctx.refresh()
        state.targetctx.refresh()


def carry_temporaries(activity, carrier, flags):
    """Let temporaries be kept where they must be, and loops be one record that can be."""
    temporaries = Temporaries(activity, carrier)
    loops = Loops(activity, carrier, temporaries, flags)
    if loops.divide():
        temporaries = Temporaries(activity, carrier)
    temporaries.run()
    loops.mark()


@register_pass(mutates_CFG=False, analysis_only=True)
class CheckMemory(AnalysisPass):
    """Raise where aliases of one place have been typed with and without derivatives.

    It can't happen if all that came before is right: a last look, since the derivative would be
    wrong in silence.
    """

    _name = "numgrad_check_memory"

    def __init__(self):
        AnalysisPass.__init__(self)

    def run_pass(self, state):
        activity = state.metadata.pop("numgrad_activity")
        found = divided_memory(activity.shapes, state.typemap)
        if found is not None:
            loc = activity.loc_of(found)
            raise located(state.func_id.func_name, loc.filename, loc.line, DIVIDED, COPY_IT)
        found = outliving(state.func_ir, state.typemap)
        if found is not None:
            raise AssertionError(f"a temporary outlives its operands in {found}")
        if are_unlike(state.typemap.values()):
            raise AssertionError(f"numbers of one depth are unlike in {state.func_id.func_name}")
        return False


DIVIDED = "This memory holds numbers without derivatives, and may be that of others that have some."


COPY_IT = (
    "Make a copy of one of the two arrays that may share memory, or allocate it in the function."
)


_assumed: dict[int, Any] = {}  # by the numbers of functions: the types others took them to return


@register_pass(mutates_CFG=False, analysis_only=True)
class CheckRecursion(AnalysisPass):
    """Raise where a recursive function returns another type than its callees were told.

    A function that is called while it is still being typed is taken to return what its branches
    return that have types already. Numba doesn't look back, and the machine code of the two would
    pass each other's results in different registers.
    """

    _name = "numgrad_check_recursion"

    def __init__(self):
        AnalysisPass.__init__(self)

    def run_pass(self, state):
        for call, signature in state.calltypes.items():
            kind = state.typemap.get(call.func.name) if is_call(call) else None
            if isinstance(kind, types.RecursiveCall):
                number = kind.get_overloads(signature.args).uid
                _assumed.setdefault(number, set()).add(signature.return_type)
        assumed = _assumed.pop(state.func_id.unique_id, set())
        if any(kind != state.return_type for kind in assumed):
            loc = state.func_ir.loc
            raise located(
                state.func_id.func_name,
                loc.filename,
                loc.line,
                f"It calls itself through others, which take it to return {assumed.pop()}, but "
                f"returns {state.return_type}.",
                "Let all branches return numbers that depend on the same arguments.",
            )
        return False


def is_call(thing):
    return isinstance(thing, ir.Expr) and thing.op == "call"


@register_pass(mutates_CFG=True, analysis_only=False)
class UnrollOnPrimals(FunctionPass):
    """Unroll loops over tuples of several types by the types without derivatives.

    Numba infers types for it before any variable holds duals.
    """

    _name = "numgrad_unroll_on_primals"

    def __init__(self):
        FunctionPass.__init__(self)

    def run_pass(self, state):
        kinds = state.args
        state.args = tuple(map(without_derivatives, kinds))
        try:
            with front_end(state.flags):
                return LiteralUnroll().run_pass(state)
        finally:
            state.args = kinds


NOT_UNIFORM = "numgrad_not_uniform"  # in the metadata of a function no loop of which is a record


class TwinLower(Lower):
    """The machine code of a twin, which may keep something of its number's in registers."""

    def setup_function(self, fndesc):
        super().setup_function(fndesc)
        names = (
            statement.target.name
            for block in self.blocks.values()
            for statement in block.find_insts(ir.Assign)
        )
        self.assigned, self.borrowed = Counter(names), set()
        self.is_borrowing = False
        self.carrier = highest(fndesc.argtypes)
        if self.carrier is not None:
            self.carrier.begin_function(
                self.function, may_have_records=NOT_UNIFORM not in self.metadata
            )

    def lower_assign(self, kind, statement):
        """Arrays among the arguments are the caller's while the function runs.

        Counting references to them costs more than the rest of a small function, and LLVM can't
        take it out of one that may raise in many places.
        """
        name = statement.target.name
        is_argument = isinstance(statement.value, ir.Arg) and self.generator_info is None
        self.is_borrowing = (
            is_argument and isinstance(kind, types.Array) and self.assigned[name] == 1
        )
        if self.is_borrowing:
            self.borrowed.add(name)
        try:
            return super().lower_assign(kind, statement)
        finally:
            self.is_borrowing = False

    def incref(self, kind, value):
        if not self.is_borrowing:
            super().incref(kind, value)

    def delvar(self, name):
        if name not in self.borrowed:
            super().delvar(name)

    def post_lower(self):
        super().post_lower()
        if self.carrier is not None:
            self.carrier.end_function(self.function)


@register_pass(mutates_CFG=True, analysis_only=False)
class TwinLowering(NativeLowering):
    """Numba's pass, with other machine code."""

    _name = "numgrad_lowering"
    lowering_class = TwinLower

    def run_pass(self, state):
        with kept(state.metadata):
            try:
                return super().run_pass(state)
            except NotUniformError:
                state.metadata[NOT_UNIFORM] = True
                return super().run_pass(state)


class TwinCompiler(CompilerBase):
    """Numba's pipeline with passes more."""

    active_versions: Any = None  # those of the callees

    def define_pipelines(self):
        manager = DefaultPassBuilder.define_nopython_pipeline(self.state)
        ours = {
            LiteralUnroll: (UnrollOnPrimals, "unroll on primals"),
            NativeLowering: (TwinLowering, "lowering"),
        }
        manager.passes = [ours.get(each[0], each) for each in manager.passes]
        last = ReconstructSSA if self.state.flags.enable_ssa else UnrollOnPrimals
        compile_callees_first(manager)
        manager.add_pass_after(CompileCallees, InlineInlinables)
        manager.add_pass_after(InlineSmallCallees, InlineInlinables)
        manager.add_pass_after(CarryDerivatives, last)
        manager.add_pass_after(classes.CheckClasses, NopythonTypeInference)
        manager.add_pass_after(CheckMemory, NopythonTypeInference)
        manager.add_pass_after(CheckRecursion, NopythonTypeInference)
        manager.finalize()
        return [manager]
