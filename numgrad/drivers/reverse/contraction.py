"""A function and the contraction of its result with cotangents, which is a number.

Its gradient is the transposed Jacobian times the cotangents. A complex cotangent ``c + i d`` of a
complex result ``u + i v`` contributes the real number ``c u - d v``, the real part of the product.
"""

from dataclasses import replace

import numba
import numpy as np

from numgrad.drivers import chunks
from numgrad.drivers.forward.results import JacobianPasses
from numgrad.drivers.overloads import chosen
from numgrad.drivers.reverse.passes import ReversePasses
from numgrad.drivers.structure import leaves, mapped, source_of, structure_of
from numgrad.numbers.carrier import is_active, is_complex, number_of, without_derivatives
from numgrad.numbers.dual import parts
from numgrad.targets.options import internal_njit
from numgrad.twin.inference import signature_of
from numgrad.twin.source import Body, function_of

CONTRACTION = "value[1]"  # the output that is differentiated


def contraction_of(function, primals, cotangents):
    """Return the function of primals and cotangents that returns the value and the contraction."""
    kinds = [without_derivatives(kind) for kind in primals]
    returned = without_derivatives(signature_of(*chosen(function, kinds)).return_type)
    names = {"function": function, "check": check_cotangent_shape, "ndindex": np.ndindex}
    parameters = [f"x{k}" for k in range(len(primals))]
    lines = [f"value = function({', '.join(parameters)})", "total = 0.0"]
    for output, cotangent in pairs_of(function, returned, without_derivatives(cotangents)):
        lines += contracted(output, cotangent)
    body = Body([*lines, "return value, total"], names)
    header = ", ".join([*parameters, "cotangents"])
    made = function_of("contraction", header, body)
    made.__name__ = function.py_func.__name__  # which errors tell
    return numba.njit(made, error_model="numpy")


def contracted(output, cotangent):
    """The lines that add the product of an output and its cotangent to the total."""
    value, weight, lines, indent = output.expression, cotangent.expression, [], ""
    if output.is_array:
        lines.append(f"check({value}.shape, {weight}.shape)")
        lines.append(
            f"for index in range({value}.size):"
            if output.kind.ndim == 1
            else f"for index in ndindex({value}.shape):"
        )
        value, weight, indent = f"{value}[index]", f"{weight}[index]", "    "
    term = f"{weight} * {value}"
    if is_complex(number_of(output.element)):
        term = f"{weight}.real * {value}.real - {weight}.imag * {value}.imag"
    return [*lines, f"{indent}total += {term}"]


def pairs_of(function, returned, cotangents):
    """List the outputs that have derivatives, each with its cotangent."""
    name, found = function.py_func.__name__, []
    waiting = [(structure_of("value", returned), structure_of("cotangents", cotangents))]
    while waiting:
        output, cotangent = waiting.pop(0)
        if isinstance(output, tuple):
            if not isinstance(cotangent, tuple) or len(cotangent) != len(output):
                raise TypeError(misfit(name, returned, cotangents))
            waiting[:0] = zip(output, cotangent, strict=True)
        elif output is not None and output.is_floating:
            fits = not isinstance(cotangent, tuple | None) and fit(output, cotangent)
            if not fits:
                raise TypeError(misfit(name, returned, cotangents))
            found.append((output, cotangent))
    return found


def fit(output, cotangent):
    """Whether a cotangent is arranged as its output, and real where that is."""
    ranks = [leaf.kind.ndim if leaf.is_array else None for leaf in (output, cotangent)]
    are_complex = [is_complex(number_of(leaf.element)) for leaf in (output, cotangent)]
    return ranks[0] == ranks[1] and are_complex <= [are_complex[0]] * 2


def misfit(name, returned, cotangents):
    return (
        f"vjp of {name}: the cotangents must be arranged like the result, which is of type "
        f"{returned}, and real where it is, but they are of type {cotangents}"
    )


@internal_njit
def check_cotangent_shape(output, cotangent):
    """Raise if an array of the result and its cotangent have different shapes."""
    if output != cotangent:
        raise ValueError("vjp: a cotangent has not the shape of its output")


def product_function(function, primals, cotangents, out, by):
    """Return the function of ``arguments`` and ``out`` that computes the value and the products.

    The arguments are None, the primals and the cotangents; ``by`` has the positions of the primals
    by which there is a product, with None in the place of the others.
    """
    contraction = contraction_of(function, tuple(primals), cotangents)
    passes = ContractionPasses(
        contraction, (*primals, cotangents), by, out, single=False, derives_all=True
    )
    run = internal_njit(function_of("vjp", "arguments, out", passes.implementation()))
    if out is not None:
        return run
    items = "".join(
        f"products[{by.index(k)}], " if k in by else "None, " for k in range(len(primals))
    )
    lines = ["value, products = run(arguments, out)", f"return value, ({items})"]
    return internal_njit(function_of("vjp", "arguments, out", Body(lines, {"run": run})))


def positions_with_derivatives(function, primals):
    """The positions of the primals by which there is a product: those that hold floats."""
    found, name = [], function.py_func.__name__
    for k, kind in enumerate(primals):
        members = leaves(structure_of("", kind))
        if len({leaf.is_floating for leaf in members}) > 1:
            raise TypeError(
                f"vjp of {name}: argument {k} is of type {kind}, which holds others beside floats; "
                "pass floats alone, or the others as an argument of their own"
            )
        if members and members[0].is_floating:
            found.append(k)
    if not found:
        raise TypeError(
            f"vjp of {name}: no primal has derivatives; pass a float or an array of floats"
        )
    return tuple(found)


class OfContraction(JacobianPasses):
    """Passes that differentiate the last output of a pair alone, by arguments of any type."""

    def _of_output(self, output):
        return super()._of_output(output) if output.expression == CONTRACTION else None

    def _result(self, output, leaf):
        super()._result(output, leaf)
        self.results[-1] = replace(self.results[-1], element=leaf.element)
        return self.results[-1]


class ForwardContractionPasses(OfContraction):
    """Forward passes over a contraction, for derivatives that are nan."""


class ContractionPasses(OfContraction, ReversePasses):
    """The sweep from a contraction: the transposed Jacobian times the cotangents."""

    fallback = ForwardContractionPasses
    both_parts = True

    def _is_watched(self, watched):
        """Forward passes know nothing of the derivatives by imaginary parts."""
        are_real = all(not is_complex(number_of(each.leaf.element)) for each in self.seeded)
        return are_real and super()._is_watched(watched)

    def implementation(self, *, value=True):
        """Return the body of a function of ``arguments`` and ``out``: the value and the product."""
        body = super().implementation()
        result = body.lines[-1].removeprefix("return ")
        primal, _ = self.outputs()
        plain = source_of(mapped(self._plain, primal))
        products = result if self.out is not None else f"{result}[1]"
        return Body([*body.lines[:-1], f"return {plain}, {products}"], self.names)

    def _plain(self, leaf):
        """The source of an output's value."""
        number = f"{self.name(parts.value_at, 'value_at')}({self.name(self.dual, 'node')}"
        if leaf.is_array and is_active(leaf.element, self.dual):
            values = self.name(values_of, "values_of")
            element = self.name(leaf.element.value, "element")
            return f"{values}({leaf.expression}, {element})"
        return self.if_there(leaf, f"{number}, {leaf.expression})")


@internal_njit
def values_of(array, element):
    """Return the values of an array of nodes."""
    result = chunks.allocate(array.shape, element)
    for index, number in np.ndenumerate(array):
        result[index] = number.value
    return result
