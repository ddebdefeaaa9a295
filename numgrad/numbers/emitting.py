"""Calls of functions while code is emitted."""


def signature_of(typingctx, function, argtypes):
    """Find the signature of a function for given argument types, or None."""
    callee = typingctx.resolve_value_type(function)
    return typingctx.resolve_function_type(callee, tuple(argtypes), {})


def return_type(typingctx, function, argtypes):
    """Find the return type of a function for given argument types, or None."""
    sig = signature_of(typingctx, function, argtypes)
    return None if sig is None else sig.return_type


def call(context, builder, function, argtypes, arguments):
    """Emit a call of a function; the type of its result and the result come back."""
    sig = signature_of(context.typing_context, function, argtypes)
    arguments = [
        context.cast(builder, argument, given, expected)
        for argument, given, expected in zip(arguments, argtypes, sig.args, strict=False)
    ]
    omitted = [context.get_dummy_value()] * (len(sig.args) - len(argtypes))
    callee = context.typing_context.resolve_value_type(function)
    return sig.return_type, context.get_function(callee, sig)(builder, [*arguments, *omitted])


def call_as(context, builder, function, argtypes, arguments, wanted):
    """Emit a call of a function, and its result as a wanted type."""
    returned, result = call(context, builder, function, argtypes, arguments)
    return context.cast(builder, result, returned, wanted)
