"""Plans: what passes over coloured directions need to know of a pattern."""

from functools import cached_property

import numpy as np

from numgrad.drivers.sparse import acyclic, colouring
from numgrad.numbers.tape.lane_records import LANES


class Plan:
    """A pattern with its colours, and where its entries are found among what is computed."""

    def __init__(self, pattern, format, *, is_backward=False):
        self.pattern = pattern
        self.format = format
        self.is_backward = is_backward
        self.is_direct = pattern.colouring != "acyclic"

    def turn_forward(self):
        """Go forward, where the function can't be written on a tape."""
        self.is_backward = False
        self._forget()

    def turn_direct(self):
        """Find each entry by itself, where substitution would lose digits."""
        self.is_direct = True
        self._forget()

    def _forget(self):
        vars(self).pop("arrays", None)
        vars(self).pop("order", None)

    @property
    def lines(self):
        """The pattern whose columns are coloured: backward these are the outputs."""
        return self.pattern.transposed if self.is_backward else self.pattern

    @property
    def colours(self):
        """The colours that are in force."""
        return self.lines.direct_colours if self.is_direct else self.lines.colours

    @property
    def colour_count(self):
        return int(self.colours.max(initial=-1)) + 1

    @cached_property
    def arrays(self):
        """The arrays that compiled code takes, the one for the entries excepted."""
        pattern = self.lines
        known = self.colour_count, self.colours, pattern.starts, pattern.columns
        return *known, *self._places, self.order

    @property
    def _places(self):
        """Of a symmetric matrix the row and the colour of each entry, and the substitutions."""
        pattern = self.pattern
        if not pattern.symmetric:
            return ()
        if not self.is_direct:
            return acyclic.substitutions(pattern.starts, pattern.columns, self.colours)[:3]
        found = colouring.places_of_entries(pattern.starts, pattern.columns, self.colours)
        return *found[:2], np.empty((0, 3), np.int32)

    @cached_property
    def order(self):
        """The order in which entries are wanted, if it is another than that of the lines."""
        wanted = "csc" if self.is_backward else "csr"
        if self.format == wanted or self.pattern.symmetric:
            return None
        return np.argsort(self.lines.columns, kind="stable")

    def matrix(self, data):
        """Return the sparse array of SciPy's of some entries, in the order of the format."""
        if self.format == "csr" or self.pattern.symmetric:
            matrix = self.pattern.with_data(data)
            return matrix if self.format == "csr" else matrix.T
        return self.pattern.transposed.with_data(data).T


def backward_pays(pattern, width):
    """Whether sweeps from outputs take less time than passes along directions of inputs.

    ``benchmarks/sparse.py`` measures both: in calls of a function, a pass of full width takes about
    half as many as it has partials; a call that writes a tape five, and the sweeps for a few
    colours another five.
    """
    if pattern.symmetric or pattern.colour_count < width // 2:
        return False
    passes = -(-(pattern.colour_count + 1) // width)
    sweeps = -(-(pattern.transposed.colour_count + 1) // LANES)
    return 5 + 5 * sweeps < passes * width / 2
