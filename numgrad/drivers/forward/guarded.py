"""A call of a function on duals after which the caller's arrays are right even if it raises."""

from numba import types
from numba.core import cgutils
from numba.core.imputils import fix_returning_optional
from numba.extending import intrinsic

from numgrad.drivers.chunks import store_values
from numgrad.drivers.given_objects import give_back
from numgrad.numbers.emitting import call


@intrinsic
def guarded(typingctx, function, arguments, targets, sources, undone):
    """Call a function; if it raises, store the values of arrays of duals before it is passed on.

    So the caller's arrays hold what the failing call leaves, as those that are written in place do.
    The tuple of arguments begins with None (see `numgrad.drivers.structure.argument`).
    ``undone`` has a function to be called then, too, and its arguments, or nothing.
    """
    kinds_given = tuple(arguments)[1:]
    sig = typingctx.resolve_function_type(function, kinds_given, {})

    def codegen(context, builder, outer, given):
        _, arguments_given, targets_given, sources_given, undone_given = given
        function.dispatcher.compile(tuple(sig.args))  # its types may have been inferred only
        compiled = function.dispatcher.overloads[tuple(sig.args)]
        values = cgutils.unpack_tuple(builder, arguments_given)[1:]
        passed = folded(context, builder, sig, kinds_given, values)
        context.add_linking_libs([compiled.library])
        status, result = context.call_internal_no_propagate(builder, compiled.fndesc, sig, passed)
        with builder.if_then(status.is_error, likely=False):
            for k, kinds in enumerate(zip(targets, sources, strict=True)):
                pair = [
                    builder.extract_value(targets_given, k),
                    builder.extract_value(sources_given, k),
                ]
                is_object = isinstance(kinds[0], types.BaseTuple)
                call(context, builder, give_back if is_object else store_values, kinds, pair)
            if undone:
                undo, kinds = undone
                values = cgutils.unpack_tuple(builder, builder.extract_value(undone_given, 1))
                call(context, builder, undo.typing_key, kinds, values)
            context.call_conv.return_status_propagate(builder, status)
        return fix_returning_optional(context, builder, sig, status, result)

    return sig.return_type(function, arguments, targets, sources, undone), codegen


def folded(context, builder, sig, kinds, values):
    """Return arguments as a compiled function takes them: the last ones of ``*args`` as a tuple."""
    wanted, rest = list(sig.args), None
    if wanted and isinstance(wanted[-1], types.StarArgTuple | types.StarArgUniTuple):
        rest = wanted.pop()
        wanted += rest.types
    values = [
        context.cast(builder, value, kind, want)
        for value, kind, want in zip(values, kinds, wanted, strict=False)
    ]
    values += [context.get_dummy_value()] * (len(wanted) - len(values))  # defaults
    if rest is not None:
        first = len(sig.args) - 1
        values[first:] = [context.make_tuple(builder, rest, values[first:])]
    return values
