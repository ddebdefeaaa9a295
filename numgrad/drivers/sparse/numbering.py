"""The order of the columns of a sparse matrix."""

from numgrad.drivers.forward.inputs import Input
from numgrad.drivers.structure import position_of


class AsAsked:
    """The part of passes that numbers inputs in the order in which arguments are asked for."""

    argnums: tuple[int, ...]
    inputs: list[Input]

    def in_order(self):
        places = {position: k for k, position in enumerate(self.argnums)}

        def place(each):
            return places.get(position_of(each.leaf.expression), len(places))

        return sorted(self.inputs, key=place)
