"""The passes of a derivative, as a function made for the types of the arguments.

One pass calls the twin with a chunk of the inputs seeded and takes the partials of every output to
their places in the results. What is known of the types is settled here, in the source of a function
that Numba then compiles; what isn't, the lengths of arrays, is left to its loops.
"""

import inspect
from functools import partial

from numba import types

from numgrad.drivers import chunks, layouts
from numgrad.drivers.forward import lanes
from numgrad.drivers.forward.inputs import Input, tangent_kind
from numgrad.drivers.forward.memory import CallersMemory
from numgrad.drivers.forward.objects import CallersObjects, GivenObject
from numgrad.drivers.forward.watched import Watched
from numgrad.drivers.forward.widths import count_for, counts_for_arrays
from numgrad.drivers.layouts import duals_like
from numgrad.drivers.optionals import or_none, settled
from numgrad.drivers.overloads import overload_of, return_type
from numgrad.drivers.positions import position_of_output
from numgrad.drivers.randomness import ALL_GENERATORS
from numgrad.drivers.scratch import scratch
from numgrad.drivers.sized import local_like
from numgrad.drivers.structure import (
    Leaf,
    argument,
    leaves,
    mapped,
    rebuilt,
    source_of,
    structure_of,
)
from numgrad.drivers.written import active_arguments, draws, written_arguments
from numgrad.numbers.carrier import highest, is_carrier, number_of, without_derivatives
from numgrad.numbers.dual import parts, seeds
from numgrad.numbers.dual.type import CAREFUL, DualType
from numgrad.targets import cuda_device
from numgrad.twin.origins import DRIVERS
from numgrad.twin.source import Body
from numgrad.twin.twin import twin_of

# Outputs that have no derivative, and none to lose.
HOLDING_NOTHING = types.NoneType | types.UnicodeType | types.Literal | types.RangeType


class Passes(Watched, CallersMemory, CallersObjects):
    """The source of all passes over a function with arguments of given types."""

    others = "None"  # what the careful function gets besides the arguments
    leading: tuple[tuple[str, types.Type], ...] = ()  # what the twin takes before the arguments
    goes_backward = False

    def __init__(
        self,
        function,
        kinds,
        argnums,
        *,
        most=None,
        out_argnum=None,
        tangents=None,
        careful=False,
        watched=True,
    ):
        self.function = function
        self.kinds = kinds
        self.argnums = argnums
        self.out_argnum = None if out_argnum is None else self._checked_out_argnum(out_argnum)
        self.tangents = tangents  # the types of the tangents, for a directional derivative
        self.out: list[Leaf] | None = None  # the arrays of the caller's to store the results in
        self.names = {}
        self.lines = []
        self.twin = function if function in DRIVERS else twin_of(function)
        self.written = self._written()
        transform = DRIVERS.get(function)
        self.writes_numbers = transform is not None and transform.writes_numbers
        self.alike = self._alike()
        self.inputs: list[Input] = []
        self.structures = {
            position: self._inputs_of(position, kind) for position, kind in enumerate(kinds)
        }
        self.seeded = [each for each in self.inputs if each.seeded]
        self.dual = self.carrier(most, careful)
        self.objects: list[GivenObject] = []
        self._call()
        self.state = self._state()  # asked of what has been compiled
        self.is_watched = self._is_watched(watched)

    def carrier(self, most, careful):
        """The number that inputs go in as."""
        return DualType(self._value_type(), self._count(most), self._depth(careful))

    def _checked_out_argnum(self, out_argnum):
        """Return the position of the array that holds the function's result."""
        name = self.function.py_func.__name__
        position = position_of_output(self.function, out_argnum, len(self.kinds))
        structure = structure_of("", self.kinds[position])
        if not (isinstance(structure, Leaf) and structure.is_array and structure.is_floating):
            raise TypeError(
                f"argument {position} of {name} must be an array of floats to hold the result, "
                f"as out_argnum says, and not of type {self.kinds[position]}"
            )
        return position

    # What comes in

    def _written(self):
        """Return the positions of arguments that the function may write to."""
        leading = len(self.leading)
        kinds = (*(kind for _, kind in self.leading), *self.kinds)
        return frozenset(k - leading for k in written_arguments(self.function, kinds))

    def _state(self):
        """The state in the caller's memory that the function may write: sources and types."""
        found = []
        for position in sorted(self.written):
            floats = self.writes_numbers and position not in self.argnums
            found += self.held_in(argument(position), self.kinds[position], floats)
        kinds = (*(kind for _, kind in self.leading), *self.kinds)
        if not cuda_device.in_kernel() and draws(self.function, kinds):
            found.append(("", ALL_GENERATORS))
        return found

    def _alike(self):
        """Return the positions of numbers in ``*args`` where one of them carries derivatives.

        All have to, or a loop over them would meet different types.
        """
        parameters = inspect.signature(self.function.py_func).parameters.values()
        first = [k for k, p in enumerate(parameters) if p.kind is p.VAR_POSITIONAL]
        rest = range(first[0], len(self.kinds)) if first else ()
        carry = any(k in self.argnums or highest(self.kinds[k : k + 1]) for k in rest)
        return frozenset(k for k in rest if carry and Leaf("", self.kinds[k]).is_floating)

    def _inputs_of(self, position, kind):
        structure = structure_of(argument(position), kind)
        if position in self.argnums:
            self._check(position, kind, leaves(structure))
        for leaf in leaves(structure):
            written = position in self.written or position == self.out_argnum
            written = written and not self.writes_numbers
            written = written and leaf.is_array and leaf.is_floating and leaf.kind.mutable
            name = f"a{len(self.inputs)}"
            alike = position in self.alike and not leaf.is_array
            self.inputs.append(Input(leaf, name, position in self.argnums, written, alike))
        return structure

    def _check(self, position, kind, members):
        """Raise if an argument to differentiate by holds anything but floats."""
        if not members or not all(leaf.is_floating for leaf in members):
            raise TypeError(
                f"argument {position} of {self.function.py_func.__name__} can't be differentiated "
                f"by: it is of type {kind}, and only floats, complex numbers, arrays and tuples of "
                "them have derivatives; pass one of these, or leave it out of argnums"
            )

    def _value_type(self):
        """Return the type of the values of all seeded inputs together."""
        elements = [each.leaf.element for each in self.seeded]
        duals = [element for element in elements if is_carrier(element)]
        numbers = [number_of(element) for element in elements]
        width = max(numbers, key=lambda n: (isinstance(n, types.Complex), n.bitwidth))
        return max(duals, key=lambda dual: dual.depth, default=width)

    def _count(self, most):
        """The number of partials that a pass carries."""
        if self.tangents is not None:
            return 1
        value = self._value_type()
        if self.has_arrays:
            many = counts_for_arrays(value)[1]
            return many if most is None else min(most, many)
        return count_for(value, len(self.seeded))

    @property
    def has_arrays(self):
        """Whether only the lengths of arrays tell how many inputs there are."""
        return any(each.leaf.is_array for each in self.seeded)

    def _depth(self, careful):
        dual = highest(self.kinds)
        return 1 + max(0 if dual is None else dual.depth, CAREFUL if careful else 0)

    def dual_of(self, element):
        """Return the dual type for inputs of a type."""
        return DualType(element, self.dual.count, self.dual.depth)

    def name(self, thing, stem):
        """Return a name that stands for an object in the source."""
        for name, known in self.names.items():
            if known is thing or (type(known) is type(thing) and known == thing):
                return name
        name = f"{stem}_{len(self.names)}"
        self.names[name] = thing
        return name

    # The call of the twin

    def _call(self):
        """Prepare the call of the twin, and infer what it returns."""
        expressions, kinds = self._arguments()
        active = active_arguments(self.function, kinds)
        if active != kinds:
            self.take_objects(active[len(self.leading) :])
            expressions, kinds = self._arguments()
        twin = self.name(self.twin, "twin")
        self.call = twin, "".join(f"{expression}, " for expression in expressions)
        self.twin_kinds = kinds
        returned = return_type(self.twin, kinds)
        self.settled, self.returned, self.optional = settled("value", returned, self.name)

    @property
    def compiled(self):
        """The overload of the twin."""
        return overload_of(self.twin, self.twin_kinds)

    def _arguments(self):
        """Return the expressions and the types of all that the twin takes."""
        expressions = [expression for expression, _ in self.leading]
        kinds = [kind for _, kind in self.leading]
        remaining = iter(self.inputs)
        for position, kind in enumerate(self.kinds):
            expression, active = self._argument(position, kind, remaining)
            expressions.append(expression)
            kinds.append(active)
        return expressions, kinds

    def _argument(self, position, kind, remaining):
        """Return the expression and the type of an argument of the twin."""
        if isinstance(kind, types.Dispatcher):
            function = kind.dispatcher
            if function in DRIVERS:
                return argument(position), kind
            twin = twin_of(function)
            return self.name(twin, "twin"), types.Dispatcher(twin)
        replace = partial(self._active, remaining)
        return rebuilt(argument(position), kind, replace, self.name)

    def _active(self, remaining, expression, kind):
        """Return an argument, tuples aside, as the twin gets it: expression and type."""
        if structure_of(expression, kind) is None:
            return self.object_at(expression, kind)
        each = next(remaining)
        if not (each.seeded or each.written):
            return self._constant(expression, kind) if each.alike else (expression, kind)
        dual = self.dual_of(each.leaf.element)
        if each.leaf.is_array:
            return f"{each.name}_dual", duals_like(kind, dual)
        return self._seeded_number(each), dual

    def _constant(self, expression, kind):
        """Return a number that no derivative is taken by as one that may have some."""
        seeded, dual = self.name(seeds.seeded, "seeded"), self.dual_of(kind)
        return f"{seeded}({self.name(dual, 'dual')}, {expression}, -1)", dual

    def _seeded_number(self, each):
        dual = self.name(self.dual_of(each.leaf.element), "dual")
        if self.tangents is not None:
            seeded = self.name(seeds.with_tangent, "with_tangent")
            return f"{seeded}({dual}, {each.leaf.expression}, {self._tangent(each)})"
        seeded = self.name(seeds.seeded, "seeded")
        return f"{seeded}({dual}, {each.leaf.expression}, {each.name}_offset - start)"

    def _tangent(self, each):
        return each.leaf.expression.replace("arguments", "tangents", 1)

    # The source

    def add(self, *lines, indent=1):
        self.lines += ["    " * (indent - 1) + line for line in lines]

    def prepare(self):
        """Give every input a number, and allocate the arrays of duals that the twin reads."""
        offset = "0"
        for each in self.in_order():
            leaf, name = each.leaf, each.name
            if each.in_array:
                self._prepare_duals(each)
                if each.seeded and self.tangents is not None:
                    kind = tangent_kind(self.tangents, leaf)
                    self.add(f"{name}_tangents = {self.flat(kind, self._tangent(each))}")
            if each.seeded and self.tangents is None:
                size = f"{leaf.expression}.size" if leaf.is_array else "1"
                self.add(f"{name}_offset = {offset}")
                offset = f"{name}_offset + {size}"
        if self.tangents is None:
            self.add(f"total = {offset}")

    def in_order(self):
        """List the inputs in the order in which they are numbered."""
        return self.inputs

    def _duals_like(self, leaf, dual):
        """Return the source of an array of duals of the shape of an argument."""
        if cuda_device.in_kernel():
            return f"{self.name(local_like, 'local_like')}({leaf.expression}, {dual})"
        return self.working_array(f"{leaf.expression}.shape", dual)

    @property
    def keeps_memory(self):
        """Whether to allocate nothing: there is a place for all results, or this is one of passes.

        Otherwise a call allocates anyhow, and memory that it kept would be held for nothing.
        """
        needs_no_memory = self.out is not None or not self.returns_arrays
        return not cuda_device.in_kernel() and (needs_no_memory or self.dual.depth > 1)

    @property
    def returns_arrays(self):
        """Whether there are arrays among the results."""
        raise NotImplementedError

    def working_array(self, shape, element):
        """Return the source of an array that is used in this call alone."""
        new = self.name(scratch if self.keeps_memory else chunks.allocate, "new")
        return f"{new}({shape}, {element})"

    def flat(self, kind, expression):
        """Return the source of an array's elements as one dimension."""
        if kind.layout == "C":
            return f"{self.name(chunks.flat, 'flat')}({expression})"
        line = self.working_array(f"({expression}.size,)", self.name(kind.dtype, "element"))
        return f"{self.name(chunks.in_line, 'in_line')}({expression}, {line})"

    def _dual_name(self, each):
        return self.name(self.dual_of(each.leaf.element), "dual")

    def evaluate(self, indent, *, first):
        """Seed the inputs and call the twin."""
        for each in self.inputs:
            if each.in_array and (first or each.written):
                self._fill(each, indent)
            elif each.in_array:
                self._seed(each, indent, start=f"start - {self.dual.count}", partial=0)
            if each.in_array and each.seeded and self.tangents is None:
                self._seed(each, indent, start="start", partial=1)
        self.make_objects(indent)
        self.add(f"value = {self._guarded()}", indent=indent)
        if self.optional:
            there = "".join(f"{expression} is not None, " for expression in self.optional)
            self.add(f"there = ({there})", f"value = {self.settled}", indent=indent)

    def _fill(self, each, indent):
        """Write an array of duals anew: constants, or numbers with their tangents."""
        numbers, array, made = f"{each.name}_numbers", self._place_of(each), self._made(each)
        if made is None:
            self.add(f"{self.name(lanes.fill, 'fill')}({array}, {numbers})", indent=indent)
            return
        self.add(f"for k in range({numbers}.size):", indent=indent)
        if each.in_line:
            self.add(f"{array}[k] = {made}", indent=indent + 1)
        else:
            store_at = self.name(layouts.store_at, "store_at")
            self.add(f"{store_at}({array}, k, {made})", indent=indent + 1)

    def _made(self, each):
        """The source of the k-th number of an array as it goes in, or None for a constant."""
        if not each.seeded or self.tangents is None:
            return None
        function, given = self.name(seeds.with_tangent, "made"), self._dual_name(each)
        return f"{function}({given}, {each.name}_numbers[k], {each.name}_tangents[k])"

    def _place_of(self, each):
        """The source of the array that an argument's duals are in."""
        return f"{each.name}_duals" if each.in_line else f"{each.name}_dual"

    def _seed(self, each, indent, *, start, partial):
        """Set the seeds of the chunk from ``start`` on, or clear them."""
        seed, array = self.name(lanes.seed, "seed"), self._place_of(each)
        size, first = f"{each.name}_numbers.size", f"{start} - {each.name}_offset"
        self.add(f"{seed}({array}, {size}, {first}, {partial})", indent=indent)

    def outputs(self):
        """The structure of the outputs."""
        if self.out_argnum is None:
            self._check_returned(self.returned)
            return structure_of("value", self.returned)
        (each,) = [i for i in self.inputs if i.leaf.expression == argument(self.out_argnum)]
        return Leaf(
            f"{each.name}_dual", duals_like(each.leaf.kind, self.dual_of(each.leaf.element))
        )

    def _check_returned(self, kind):
        """Raise if derivatives may escape in what the function returns, such as a list."""
        if isinstance(kind, types.BaseTuple):
            for item in kind.types:
                self._check_returned(item)
        elif structure_of("", kind) is None and not isinstance(kind, HOLDING_NOTHING):
            raise TypeError(
                f"{self.function.py_func.__name__} returns {without_derivatives(kind)}, which has "
                "no derivative; return a number, an array, or a tuple of these"
            )

    def values(self):
        """The source of the primal value."""
        value_at, dual = self.name(parts.value_at, "value_at"), self.name(self.dual, "dual")

        def value(leaf):
            return self.if_there(leaf, f"{value_at}({dual}, {leaf.expression})")

        return source_of(mapped(value, self.outputs()))

    def if_there(self, output, result):
        """The source of an output's result: None where the function returned that."""
        if output.expression not in self.optional:
            return result
        place = self.optional.index(output.expression)
        return f"{self.name(or_none, 'or_none')}({result}, there[{place}])"

    def body(self, result):
        """The body of the lines so far, with a result."""
        return Body([*self.lines, f"return {result}"], self.names)
