"""The effects of calls on memory: of compiled functions by source, of known ones by table."""

import operator

import numpy as np
from numba import types
from numba.core.ccallback import CFunc
from numba.core.dispatcher import Dispatcher
from numba.core.registry import cpu_target
from numba.core.typing.templates import _OverloadFunctionTemplate, fold_arguments
from numba.np.ufunc.dufunc import DUFunc
from numba.np.ufunc.gufunc import GUFunc
from numba.stencils.stencil import StencilFunc

from numgrad.twin import effects
from numgrad.twin.aliases import (
    Container,
    Place,
    assign,
    combine,
    confuse,
    items_of,
    places,
    share,
    write_all,
)
from numgrad.twin.callees import is_number_class, is_ours, plain_source
from numgrad.twin.gufuncs import outputs_of
from numgrad.twin.inference import front_end
from numgrad.twin.origins import DRIVERS, STATED, hashable

# Operators called by name, as in operator.iadd(x, y)
STARRED = types.StarArgTuple | types.StarArgUniTuple  # the types of *args
IN_PLACE = [
    getattr(operator, f"i{name}")
    for name in "add sub mul truediv floordiv mod pow matmul concat and or xor lshift".split()
]

EXTREMES = min, max, sum
MAKING_CONTAINERS = "empty", "empty_list"


class Call:
    """A call in a function under analysis: the callee and its arguments."""

    def __init__(self, activity, target, expr):
        self.activity = activity
        self.target = target  # the shape of the result
        self.expr = expr
        self.given = [activity.shape(var.name) for var in expr.args]
        if expr.vararg is not None:
            starred = activity.shape(expr.vararg.name)
            self.given += starred if isinstance(starred, tuple) else [starred]
        self.keywords = {name: activity.shape(var.name) for name, var in expr.kws}
        self.kind = activity.type_of(expr.func.name)
        self.function = activity.function_of(expr.func)

    @property
    def operands(self):
        return [*self.given, *self.keywords.values()]

    @property
    def signature(self):
        return self.activity.inferred.calls.get(self.expr)


def relate(activity, target, expr):
    """Relate the shapes of a call's arguments and of its result.

    It tells whether the result is new memory; None: it aliases an argument.
    """
    call = Call(activity, target, expr)
    if isinstance(call.kind, types.BoundFunction):
        return relate_method(call)
    if isinstance(call.function, Dispatcher | CFunc):
        return relate_compiled(call)
    if isinstance(call.kind, types.NamedTupleClass):
        return relate_named_tuple(call)
    if isinstance(call.kind, types.NumberClass) or is_number_class(call.function):
        return pure(call)
    if is_operator(call.function):
        return relate_operator(call)
    if hashable(call.function):
        return relate_known(call)
    return unknown(call)


def pure(call):
    """Relate a pure call: the result is new memory, computed from all operands."""
    combine(call.target, *call.operands)
    return True


def unknown(call, operands=None):
    """Relate an unknown call: all operands alias, are written, and flow into each other."""
    operands = call.operands if operands is None else operands
    combine(call.target, *operands)
    confuse(call.target, *operands)
    for operand in operands:
        write_all(operand)
    return False


def relate_named_tuple(call):
    fields = call.kind.instance_class._fields
    given = dict(zip(fields, call.given, strict=False)) | call.keywords
    if isinstance(call.target, tuple) and given.keys() == set(fields):
        assign(call.target, tuple(given[name] for name in fields))
    else:
        confuse(call.target, *call.operands)
    return


# Compiled functions


def relate_compiled(call):
    """Relate a call of a compiled function, by its source."""
    driver = STATED.get(call.function, call.function)
    if driver in DRIVERS:
        return relate_transform(call, driver)
    kinds = None if call.signature is None else call.signature.args
    return relate_source(call, plain_source(call.function), kinds, call.given)


def relate_source(call, dispatcher, kinds, given):
    summary = None if kinds is None else type(call.activity).of(dispatcher, kinds)
    call.activity.draws |= summary is None or summary.draws
    call.activity.takes_addresses |= summary is None or summary.takes_addresses
    if summary is None:
        return unknown(call, [*given, *call.keywords.values()])
    call.activity.finds |= summary.finds
    arguments = fold_shapes(dispatcher, given, call.keywords)
    return transfer(summary, arguments, call.target)


def fold_shapes(dispatcher, given, keywords):
    """Return the shapes of a function's parameters for those of a call's arguments."""
    return fold_arguments(
        dispatcher._compiler.pysig,
        given,
        keywords,
        normal_handler=lambda index, parameter, shape: shape,
        default_handler=lambda index, parameter, default: None,
        stararg_handler=lambda index, parameter, shapes: tuple(shapes),
    )


def transfer(summary, arguments, target):
    """Apply a callee's summary to a call's arguments and result; tell if that is new."""
    outside: dict[Place, list[Place]] = {}  # the caller's places by the function's
    for inner, outer in [
        *zip(summary.arguments, arguments, strict=True),
        (summary.returned, target),
    ]:
        for place, other in counterparts(inner, outer):
            outside.setdefault(place.find(), []).append(other)
    given = {place.find() for shape in summary.arguments for place in places(shape)}
    for place, others in outside.items():
        join_memory(others)
        if place.is_written:
            for other in others:
                other.write()
    for place in given & outside.keys():
        for reached in summary.reach(place) & outside.keys():
            for other in outside[place] if reached is not place else ():
                for each in outside[reached]:
                    other.flow(each)
    memory = [place for place in places(summary.returned) if place.is_memory]
    return True if any(place.find() not in given for place in memory) else None


def counterparts(inner, outer):
    """Return the pairs of places of two shapes of the same type."""
    theirs, ours = places(inner), places(outer)
    if len(theirs) == len(ours):
        return zip(theirs, ours, strict=True)
    confuse(outer)
    return ((place, other) for place in theirs for other in ours)


def join_memory(others):
    memory = [place for place in others if place.is_memory]
    numbers = [place for place in others if not place.is_memory]
    for place in memory[1:]:
        memory[0].join(place)
    for place in numbers[1:] if not memory else ():
        numbers[0].flow(place)
        place.flow(numbers[0])
    for place in numbers if memory else ():
        place.flow(memory[0])
        memory[0].flow(place)


def relate_transform(call, driver):
    """Relate a derivative's arguments and result, which is new or the array given as ``out``."""
    kinds = None if call.signature is None else call.signature.args
    combine(call.target, *call.operands)
    arguments = fold_shapes(driver, call.given, call.keywords)
    transform, inputs = DRIVERS[driver], None if kinds is None else DRIVERS[driver].inputs(kinds)
    call.activity.draws |= inputs is None or transform.draws(inputs)
    call.activity.takes_addresses |= inputs is None or transform.takes_addresses(inputs)
    call.activity.finds |= frozenset() if inputs is None else transform.finds(inputs)
    writes, outputs = transform.positions_written(kinds)
    for k in (*writes, *outputs):
        combine(arguments[k], *arguments)
        write_all(arguments[k])
    for k in outputs:
        share(call.target, arguments[k])
    return None if any(places(arguments[k]) for k in outputs) else True


# Known functions


def is_operator(function):
    return getattr(function, "__module__", None) == "_operator"


def relate_operator(call):
    """Relate a call of an operator by its name, as in ``operator.iadd(x, y)``."""
    activity, target = call.activity, call.target
    if call.function in IN_PLACE:
        return activity.relate_in_place(target, *call.given)
    if call.function is operator.setitem:
        return activity.store(call.expr.args[0], call.expr.args[2])
    if call.function is operator.getitem:
        return activity.relate_item(target, call.given[0], activity.type_of(call.expr.args[1].name))
    return activity.relate_operator(target, call.given)


def relate_known(call):
    function, target, operands = call.function, call.target, call.operands
    outputs = outputs_among(call)
    if outputs:
        return store_results(call, outputs)
    if function in effects.SHAPED and are_known(call):
        effects.SHAPED[function](target, *operands)
        return isinstance(target, Container) or None
    if function in EXTREMES:
        for operand in operands:
            share(target, items_of(operand))  # of a tuple all items
        return None
    if function is np.imag and is_real(call.activity.type_of(call.expr.args[0].name)):
        return pure(call)
    if function in effects.RANDOM:
        call.activity.draws = True
    if function in effects.FUNCTIONS:
        return apply(effects.FUNCTIONS[function], target, operands)
    if isinstance(function, DUFunc | GUFunc | StencilFunc):
        return pure(call)
    return relate_overload(call)


def is_real(kind):
    """Whether the imaginary part of an array or a number is new zeros."""
    element = kind.dtype if isinstance(kind, types.Array) else kind
    return element is not None and not isinstance(element, types.Complex)


def are_known(call):
    """Whether the types of a callee and its arguments are known."""
    names = [call.expr.func.name, *(var.name for var in call.expr.args)]
    return all(call.activity.type_of(name) is not None for name in names)


def outputs_among(call):
    """Return the arguments that a function of NumPy's kind writes its result to."""
    function, given = call.function, call.given
    outputs = [shape for name, shape in call.keywords.items() if name == "out"]
    if isinstance(function, GUFunc):
        return [*outputs, *(given[k] for k in outputs_of(function) if k < len(given))]
    if isinstance(function, DUFunc):
        return [*outputs, *given[function.nin :]]
    position = effects.output_of(function)
    return outputs if position is None else [*outputs, *given[position : position + 1]]


def store_results(call, outputs):
    combine(call.target, *call.operands)
    for output in outputs:
        combine(output, *call.operands)
        write_all(output)
        share(call.target, output)
    return None if any(map(places, outputs)) else True


def apply(known, target, operands):
    """Apply an entry of the table of effects; tell if the result is new memory."""
    combine(target, *operands)
    for k in known.writes:
        if k < len(operands):
            combine(operands[k], *operands)
            write_all(operands[k])
    shared = [operands[k] for k in known.shares if k < len(operands)]
    for operand in shared:
        share(target, operand)
    return None if any(map(places, shared)) else True


def relate_overload(call):
    """Relate a call of another package's overload, by its source if that is known."""
    if effects.is_fresh_here(call.function):
        return pure(call)
    found = None if is_ours(call.function) else implementation_of(call)
    if found is None:
        return unknown(call)
    function, kinds = found
    return relate_source(call, function, kinds, call.given)


def implementation_of(call):
    """The implementation that an overload chose for a call, and its argument types."""
    if not isinstance(call.kind, types.Function) or call.signature is None:
        return None
    for template in call.kind.templates:
        if not issubclass(template, _OverloadFunctionTemplate):
            return None
        with front_end():
            given = unfolded(call.signature.args)
            found, kinds = template(cpu_target.typing_context)._get_impl(given, {})
        if found is not None:
            return found, found._compiler.fold_argument_types(kinds, {})[1]
    return None


def unfolded(kinds):
    """The types of a call's arguments, the starred ones of a signature one by one."""
    return (*kinds[:-1], *kinds[-1]) if kinds and isinstance(kinds[-1], STARRED) else kinds


# Methods


def relate_method(call):
    """Relate a call of a method; the object is the first operand."""
    instance_type, name = call.kind.this, method_name(call.kind)
    owner = call.activity.shape(call.expr.func.name)
    operands = [owner, *call.operands]
    if isinstance(owner, Container) and name in effects.OF_CONTAINERS:
        effects.OF_CONTAINERS[name](call.target, *operands)
        return None
    if isinstance(instance_type, types.ClassInstanceType) and name in instance_type.jit_methods:
        kinds = None if call.signature is None else (instance_type, *call.signature.args)
        return relate_source(call, instance_type.jit_methods[name], kinds, [owner, *call.given])
    if isinstance(instance_type, types.ClassInstanceType):
        kinds = None if call.signature is None else call.signature.args
        method = instance_type.jit_static_methods[name]
        return relate_source(call, method, kinds, call.given)
    if isinstance(instance_type, types.TypeRef) and name in MAKING_CONTAINERS:
        return pure(call)
    if isinstance(instance_type, types.Array) and name in effects.METHODS:
        return apply(effects.METHODS[name], call.target, operands)
    if isinstance(owner, tuple) and name in ("count", "index"):
        return None
    if all(isinstance(each, Place | None) and not is_memory(each) for each in operands):
        combine(call.target, *operands)
        return True
    return unknown(call, operands)


def is_memory(shape):
    return shape is not None and shape.is_memory


def method_name(kind):
    """Return the name of a bound method: Numba keeps it as "array.sum" or as (Array, "sum")."""
    key = kind.typing_key
    return key[1] if isinstance(key, tuple) else str(key).rsplit(".", 1)[-1]
