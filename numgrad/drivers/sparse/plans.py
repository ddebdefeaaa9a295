"""Plans: what passes over coloured directions need to know of a pattern."""

from functools import cached_property

import numpy as np

from numgrad.drivers.sparse import colouring


class Plan:
    """A pattern with its colours, and where its entries are found among what is computed."""

    def __init__(self, pattern, format):
        self.pattern = pattern
        self.format = format

    @cached_property
    def arrays(self):
        """The arrays that compiled code takes, the one for the entries excepted."""
        pattern = self.pattern
        known = pattern.colour_count, pattern.colours, pattern.starts, pattern.columns
        return *known, *self._places, self.order

    @property
    def _places(self):
        """Of a symmetric matrix the row and the colour of each entry."""
        pattern = self.pattern
        if not pattern.symmetric:
            return ()
        given = pattern.starts, pattern.columns, pattern.colours, pattern.colour_count
        rows, lanes, are_complete = colouring.places_of_entries(*given)
        if not are_complete:
            raise AssertionError("the colours of a symmetric pattern don't tell all entries")
        return rows, lanes

    @cached_property
    def order(self):
        """The order of entries column by column, if they are wanted so and it is another."""
        if self.format == "csr" or self.pattern.symmetric:
            return None
        return np.argsort(self.pattern.columns, kind="stable")

    def matrix(self, data):
        """Return the sparse array of SciPy's of some entries, in the order of the format."""
        from scipy.sparse import csc_array, csr_array

        pattern, kind = self.pattern, csr_array
        if self.format == "csc":
            kind = csc_array
            pattern = pattern if pattern.symmetric else pattern.transposed
        starts = pattern.starts.astype(np.int32 if pattern.nnz < 1 << 31 else np.int64)
        return kind((data, pattern.columns.copy(), starts), shape=self.pattern.shape)
