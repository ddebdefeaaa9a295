"""The record of a call of a function whose pullback the user stated."""

from collections.abc import Callable
from typing import Any, NoReturn

from numba import types

from numgrad.drivers import state
from numgrad.drivers.overloads import chosen
from numgrad.drivers.reverse.again import Again
from numgrad.drivers.structure import leaves, structure_of
from numgrad.numbers.carrier import is_complex, number_of
from numgrad.twin.inference import signature_of


def refuse_others(name: str) -> NoReturn:
    raise TypeError(
        f"{name} has a pullback, which takes real numbers alone, and no others beside floats in a "
        "tuple"
    )


def refuse_count(name: str, returned: Any, count: int) -> NoReturn:
    raise TypeError(
        f"the pullback of {name} returns {returned}, and must return a tuple with a cotangent for "
        f"each of {count} arguments, or None"
    )


def refuse_unlike(name: str, product: Any, kind: Any) -> NoReturn:
    raise TypeError(
        f"the pullback of {name} must return a cotangent like each argument, or None for one that "
        f"the value doesn't depend on; {product} is none for a {kind}"
    )


def refuse_writing(name: str) -> NoReturn:
    raise ValueError(
        f"{name} has a pullback, and writes to an argument: derivatives would be lost; "
        "let it make a copy, and return that"
    )


def refuse_shape(name: str) -> NoReturn:
    raise ValueError(
        f"the pullback of {name} returned a cotangent that has not the shape of its argument"
    )


def raised_by(refuse: Callable[[str], NoReturn], name: str) -> str:
    """The statement that raises in compiled code what is raised in Python."""
    try:
        refuse(name)
    except ValueError as error:
        return f"    raise ValueError({str(error)!r})"


class Stated(Again):
    """The record of a call; its pullback calls a function of the cotangents and the arguments."""

    maker = "pullback"

    def __init__(self, function, pullback, kinds, node):
        super().__init__(function, kinds, node)
        self.stated = self._of_values(pullback)
        given = self._cotangent_kind(), *self.value_kinds
        returned = signature_of(*chosen(self.stated, given)).return_type
        self.is_alone = len(kinds) == 1 and not isinstance(returned, types.BaseTuple)
        kinds_of_products = (returned,) if self.is_alone else getattr(returned, "types", ())
        if len(kinds_of_products) != len(kinds):
            refuse_count(self.name, returned, len(kinds))
        self.products = {
            leaf.expression: leaf
            for k, kind in enumerate(kinds_of_products)
            for leaf in leaves(structure_of(f"products[{k}]", kind))
        }
        self.without = [
            f"products[{k}]"
            for k, kind in enumerate(kinds_of_products)
            if isinstance(kind, types.NoneType)
        ]

    def _check_number(self, element):
        if is_complex(number_of(element)):
            refuse_others(self.name)

    def _after_call(self):
        """The function has worked on copies: what it writes to them would be lost."""
        self.names["has_values"] = state.has_values
        for k, leaf in enumerate(self.leaves):
            if leaf.is_array:
                self.add(
                    f"if not has_values({leaf.expression}, v{k}):",
                    raised_by(refuse_writing, self.name),
                )

    def _find_products(self, cotangents):
        self.names["stated"] = self.stated
        call = f"stated({', '.join([cotangents, *self.values])})"
        self.add(f"products = {f'({call},)' if self.is_alone else call}")

    def _product_of(self, k, leaf):
        """The pullback returns products arranged as the arguments are."""
        _, _, place = leaf.expression.partition("[")
        position, _, rest = place.partition("]")
        return f"products[{int(position) - 1}]{rest}"

    def _give(self, k, leaf, product):
        if product.partition("]")[0] + "]" in self.without:
            return  # the value doesn't depend on it
        found = self.products.get(product)
        if found is None or not is_like(found, leaf):
            refuse_unlike(self.name, product, leaf.kind)
        if leaf.is_array:
            self.add(f"if {product}.shape != v{k}.shape:", raised_by(refuse_shape, self.name))
        super()._give(k, leaf, product)


def is_like(cotangent, leaf):
    """Whether a cotangent is a real number, or an array of them, as what it belongs to."""
    ranks = [each.kind.ndim if each.is_array else None for each in (cotangent, leaf)]
    return ranks[0] == ranks[1] and not is_complex(number_of(cotangent.element))
