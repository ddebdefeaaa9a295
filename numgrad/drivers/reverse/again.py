"""A function that is run again in the sweep: its arguments are kept, and not its statements.

On the tape a call of it is one record, whose pullback calls the function once more, writes that
call's statements behind the tape, which other sweeps may still need, and sweeps over these.
"""

from functools import partial
from typing import NoReturn

from numba import njit, types

from numgrad.drivers import chunks
from numgrad.drivers.overloads import chosen
from numgrad.drivers.reverse.contraction import product_function
from numgrad.drivers.structure import (
    FLOATING,
    argument,
    leaves,
    mapped,
    rebuilt,
    source_of,
    structure_of,
)
from numgrad.numbers.carrier import is_active, is_carrier, number_of
from numgrad.numbers.dual import parts
from numgrad.numbers.tape import keeping
from numgrad.numbers.tape.keeping import width_of
from numgrad.numbers.tape.records import begin_record, end_record
from numgrad.numbers.tape.streams import streams_of
from numgrad.numbers.tape.sweeping import pullback_kinds
from numgrad.targets.options import internal_njit
from numgrad.twin.inference import signature_of
from numgrad.twin.origins import DRIVERS
from numgrad.twin.source import Body, function_of
from numgrad.twin.twin import twin_of, untwinned

HELPERS = {  # what the sources below name
    name: getattr(keeping, name)
    for name in (
        "fill_kept give_array give_number indices_in keep_array keep_number keep_shape kept noded "
        "set_nodes take_adjoints take_number values_in"
    ).split()
} | {
    "allocate": chunks.allocate,
    "begin_record": begin_record,
    "end_record": end_record,
    "int64": types.int64,
    "streams_of": streams_of,
    "value_at": parts.value_at,
}


def refuse_written(maker: str, name: str) -> NoReturn:
    raise TypeError(
        f"{maker} of {name}: it may write to its arguments, which would be gone when it runs "
        "again; let it make copies, and return them"
    )


def refuse_drawn(maker: str, name: str) -> NoReturn:
    raise TypeError(
        f"{maker} of {name}: it draws random numbers, which would be others when it runs again; "
        "draw them outside, and pass them"
    )


class Again:
    """The record of a call of a function with arguments of some types."""

    maker = "checkpoint"

    def __init__(self, function, kinds, node):
        self.function, self.kinds, self.node = function, kinds, node
        self.name = function.py_func.__name__
        self.lines, self.names = [], {"node": node, "function": self._of_values(function)}
        self.leaves = [
            leaf for k, kind in enumerate(kinds) for leaf in self._leaves_of(argument(k), kind)
        ]
        self.by = tuple(k for k, leaf in enumerate(self.leaves) if is_active(leaf.element, node))
        rebuild = partial(self._value, count=iter(range(len(self.leaves))))
        pairs = [rebuilt(argument(k), kind, rebuild, self._named) for k, kind in enumerate(kinds)]
        self.values = [source for source, _ in pairs]
        self.value_kinds = [kind for _, kind in pairs]
        returned = signature_of(*chosen(self.names["function"], self.value_kinds)).return_type
        self.returned = returned
        self.outputs = structure_of("value", returned)
        self._check_outputs()

    def _of_values(self, function):
        """Return a function as one of the values of nodes, which may be numbers of their own."""
        is_plain = not is_carrier(self.node.value) or function in DRIVERS
        return function if is_plain else twin_of(function)

    def _leaves_of(self, expression, kind):
        """The numbers and arrays of an argument; raise if there is anything else to be kept."""
        if isinstance(kind, types.BaseTuple):
            return [
                leaf
                for k, item in enumerate(kind.types)
                for leaf in self._leaves_of(f"{expression}[{k}]", item)
            ]
        structure = structure_of(expression, kind)
        if structure is not None:
            self._check_number(structure.element)
            return [structure]
        if isinstance(kind, types.Dispatcher | types.NoneType | types.Literal):
            return []
        raise TypeError(
            f"{self.maker} of {self.name}: an argument is of type {kind}, and only numbers, "
            "arrays and tuples of these can be kept to run it again"
        )

    def _check_number(self, element):
        """Nothing: numbers of every type can be kept."""

    def _check_outputs(self):
        found = leaves(self.outputs)
        floating = [leaf for leaf in found if isinstance(number_of(leaf.element), FLOATING)]
        if not floating or len(found) != len(floating):
            raise TypeError(
                f"{self.maker} of {self.name}: it returns {self.returned}, and must return "
                "floats, arrays of them, or a tuple of these"
            )
        for leaf in found:
            self._check_number(leaf.element)

    def _named(self, thing, stem):
        name = f"{stem}_{len(self.names)}"
        self.names[name] = thing
        return name

    def _value(self, expression, kind, count):
        """Return a leaf of an argument without its nodes: source and type."""
        if isinstance(kind, types.Dispatcher):
            function = self._of_values(untwinned(kind.dispatcher))
            return self._named(function, "callee"), types.Dispatcher(function)
        if structure_of(expression, kind) is None:
            return repr(getattr(kind, "literal_value", None)), kind
        k = next(count)
        return f"v{k}", self._kind_of_leaf(k)

    def _kind_of_leaf(self, k):
        """The type of a leaf without its nodes."""
        leaf, element = self.leaves[k], self._element(self.leaves[k])
        return types.Array(element, leaf.kind.ndim, "C") if leaf.is_array else element

    def add(self, *lines):
        self.lines += lines

    # While the tape is written

    def record(self):
        """The function of ``arguments`` that calls the function and records the call."""
        self.lines = []
        slots = ["0"]
        for k, leaf in enumerate(self.leaves):
            if leaf.is_array:
                element = self._named(self._element(leaf), "element")
                self.add(f"v{k} = values_in(node, {leaf.expression}, {element})")
                slots.append(f"{leaf.kind.ndim} + {width_of(leaf.element)} * v{k}.size")
            else:
                self.add(f"v{k} = value_at(node, {leaf.expression})")
                slots.append(str(width_of(leaf.element)))
        self.add(f"value = function({', '.join(self.values)})")
        self._after_call()
        results = ["0"]
        for output in leaves(self.outputs):
            size = f" * {output.expression}.size" if output.is_array else ""
            results.append(f"{width_of(output.element)}{size}")
            slots.append(str(output.kind.ndim if output.is_array else 0))
        self.add(
            f"results = {' + '.join(results)}",
            f"places = begin_record(node, {' + '.join(slots)}, results)",
            "streams, slot, index = streams_of(node), places[0], places[1]",
        )
        for leaf in self.leaves:
            keep = "keep_array" if leaf.is_array else "keep_number"
            self.add(f"slot = {keep}(node, streams, slot, {leaf.expression})")
        nodes = {}
        for k, output in enumerate(leaves(self.outputs)):
            nodes[output], width = f"n{k}", width_of(output.element)
            if output.is_array:
                element = self._named(self.node.with_value(output.element), "element")
                self.add(
                    f"slot = keep_shape(node, streams, slot, {output.expression}.shape)",
                    f"n{k} = allocate({output.expression}.shape, {element})",
                    f"set_nodes({element}, index, {output.expression}, n{k}, {width})",
                    f"index += {output.expression}.size * {width}",
                )
            else:
                typed = self._named(self.node.with_value(output.element), "element")
                self.add(f"n{k} = noded({typed}, {output.expression}, index)")
                self.add(f"index += {width}")
        self.add("end_record(node, streams, pullback, places, results, (0, 0, 0, 0, 0, 0))")
        self.add(f"return {source_of(mapped(nodes.get, self.outputs))}")
        lines, self.lines = self.lines, []
        self.names["pullback"] = self.pullback()
        body = Body(lines, self.names | HELPERS)
        return internal_njit(function_of("record", "arguments", body))

    def _after_call(self):
        """Nothing: that the function writes to no argument is known."""

    def _element(self, leaf):
        return leaf.element.value if is_active(leaf.element, self.node) else leaf.element

    # In the sweep

    def pullback(self):
        """The function that finds the cotangents of the arguments, and hands them back."""
        self._restore_all()
        cotangents = self._take_cotangents()
        self._find_products(source_of(mapped(cotangents.get, self.outputs)))
        self.add("streams = streams_of(node)")
        for k, leaf in enumerate(self.leaves):
            if is_active(leaf.element, self.node):
                self._give(k, leaf, self._product_of(k, leaf))
        return self._compiled()

    def _find_products(self, cotangents):
        """Add what runs the function again, for its cotangents, and sweeps over that."""
        self.names["run"] = self._products("function")
        self.add(f"_, products = run((None, {self._of_leaves('v{}')}{cotangents}), None)")

    def _products(self, function):
        """The function of numbers and arrays, and of cotangents, that finds the products.

        Tuples are made within, so that what has no derivative may lie in one with what has.
        """
        body = Body([f"return {function}({', '.join(self.values)})"], self.names)
        flat = function_of("flat", self._of_leaves("v{}").rstrip(", "), body)
        flat.__name__ = self.name  # in messages
        kinds = [self._kind_of_leaf(k) for k in range(len(self.leaves))]
        return product_function(njit(flat), kinds, self._cotangent_kind(), None, self.by)

    def _of_leaves(self, name):
        """The source of what stands for all leaves, with a comma behind each."""
        return "".join(f"{name.format(k)}, " for k in range(len(self.leaves)))

    def _give(self, k, leaf, product):
        """Hand the cotangent of an argument back, where there is one."""
        if leaf.is_array:
            width = width_of(leaf.element)
            self.add(f"give_array(node, streams, s{k}, {product}, {width})")
        else:
            self.add(f"give_number(node, streams, s{k}, {product})")

    def _compiled(self):
        """The pullback, compiled before Numba asks for it in the midst of typing."""
        body = Body(self.lines, self.names | HELPERS)
        function = internal_njit(function_of("pullback", "node, streams, end, first", body))
        function.compile(pullback_kinds(self.node))
        self.lines = []
        return function

    def _take_cotangents(self):
        """Take the adjoints of the results to variables; return their names."""
        cotangents, index = {}, "first"
        for k, output in enumerate(leaves(self.outputs)):
            cotangents[output] = f"c{k}"
            element = self._named(output.element, "element")
            if output.is_array:
                self._shaped(f"c{k}", output, element)
                self.add(f"take_adjoints(node, streams, {index}, c{k}, {element})")
                index += f" + {width_of(output.element)} * c{k}.size"
            else:
                self.add(f"c{k} = take_number(node, streams, {index}, {element})")
                index += f" + {width_of(output.element)}"
        return cotangents

    def _product_of(self, k, leaf):
        """The source of the product for a leaf."""
        return f"products[{k}]"

    def _cotangent_kind(self):
        def kind_of(leaf):
            if not leaf.is_array:
                return leaf.element
            return types.Array(leaf.element, leaf.kind.ndim, "C")

        return tuple_type(mapped(kind_of, self.outputs))

    def _shaped(self, name, leaf, element):
        """Allocate an array of the shape that was kept."""
        shape = "".join(f"kept(node, streams, slot + {k}, length), " for k in range(leaf.kind.ndim))
        self.names["length"] = types.intp
        self.add(f"{name} = allocate(({shape}), {element})", f"slot += {leaf.kind.ndim}")

    def _restore_all(self, name_of="v{}".format):
        """Make all arguments anew, under names by their numbers."""
        self.add(
            "streams = streams_of(node)",
            "slot = end - int64(indices_in(node, streams, end - 1, 1)[0])",
        )
        for k, leaf in enumerate(self.leaves):
            self._restore(name_of(k), leaf, self._element(leaf))

    def _restore(self, name, leaf, element):
        """Make an argument anew from its slots, which are taken down."""
        k, typed = name[1:], self._named(element, "element")
        if leaf.is_array:
            self._shaped(name, leaf, typed)
            self.add(f"s{k} = slot", f"fill_kept(node, streams, slot, {name}, {typed})")
            self.add(f"slot += {width_of(element)} * {name}.size")
        else:
            self.add(f"s{k} = slot", f"{name} = kept(node, streams, slot, {typed})")
            self.add(f"slot += {width_of(element)}")


def tuple_type(structure):
    """The type of nested tuples of types."""
    if isinstance(structure, tuple):
        return types.BaseTuple.from_types(tuple(map(tuple_type, structure)))
    return structure
