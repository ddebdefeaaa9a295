"""The pattern of a sparse matrix: which of its entries may differ from 0."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from numgrad.drivers.sparse import pictures

NEED_SCIPY = (
    "sparse derivatives are arrays of scipy.sparse, which isn't installed: pip install scipy"
)


class Pattern:
    """The sparsity pattern of a matrix: which of its entries may differ from 0.

    `numgrad.sparsity` finds the pattern of a Jacobian or a Hessian; this makes one by hand, for
    ``pattern=`` of `numgrad.sparse_jacobian` and `numgrad.sparse_hessian`.

    Parameters
    ----------
    shape : tuple of int
        The numbers of rows and columns.
    rows, columns : array_like of int
        Where the entries are, in any order; one that is named twice is one.
    symmetric : bool, optional
        Whether the matrix is symmetric, as a Hessian is: entries are found with fewer directions,
        and of each the other one is there as well.

    Attributes
    ----------
    shape : tuple of int
        The numbers of rows and columns.
    starts : ndarray of int
        Where the entries of each row begin, as ``indptr`` of ``scipy.sparse.csr_array``.
    columns : ndarray of int
        The columns of all entries, row by row and ascending, as ``indices`` there.
    symmetric : bool
        Whether the matrix is taken for symmetric.

    Examples
    --------
    >>> import numgrad
    >>> diagonal = numgrad.Pattern((3, 3), [0, 1, 2], [0, 1, 2])
    >>> corner = numgrad.Pattern((3, 3), [0], [2])
    >>> diagonal | corner
    Pattern(3 x 3, 4 entries: 44.4 %, 2 colours)
    >>> print(diagonal | corner)
    x . x
    . x .
    . . x
    >>> (diagonal | corner).colours
    array([0, 0, 1], dtype=int32)
    """

    def __init__(
        self, shape: tuple[int, int], rows: Any, columns: Any, *, symmetric: bool = False
    ) -> None:
        rows, columns = np.asarray(rows), np.asarray(columns)
        size_r, size_c = (int(n) for n in shape)
        if rows.ndim != 1 or rows.shape != columns.shape:
            raise ValueError("rows and columns of a pattern must be as many, in one dimension")
        for name, given, size in (("rows", rows, size_r), ("columns", columns, size_c)):
            if given.size and (
                given.dtype.kind not in "iu" or given.min() < 0 or given.max() >= size
            ):
                raise ValueError(f"{name} of a pattern must be integers from 0 to {size - 1}")
        rows, columns = rows.astype(np.int64), columns.astype(np.int64)
        if symmetric:
            if size_r != size_c:
                raise ValueError(f"a pattern of shape {size_r, size_c} can't be symmetric")
            rows, columns = np.concatenate([rows, columns]), np.concatenate([columns, rows])
        order = np.lexsort((columns, rows))
        rows, columns = rows[order], columns[order]
        new = np.ones(rows.size, bool)
        new[1:] = (np.diff(rows) != 0) | (np.diff(columns) != 0)
        rows, columns = rows[new], columns[new]
        starts = np.zeros(size_r + 1, np.int64)
        np.cumsum(np.bincount(rows, minlength=size_r), out=starts[1:])
        self._set((size_r, size_c), starts, columns.astype(np.int32), symmetric=symmetric)

    def _set(
        self, shape: tuple[int, int], starts: Any, columns: Any, *, symmetric: bool = False
    ) -> Pattern:
        self.shape, self.starts, self.columns, self.symmetric = shape, starts, columns, symmetric
        starts.flags.writeable = columns.flags.writeable = False
        return self

    @classmethod
    def of_rows(cls, shape: tuple[int, int], starts: Any, columns: Any) -> Pattern:
        """Make a pattern of the entries row by row, whose columns ascend and differ."""
        return cls.__new__(cls)._set(shape, starts, columns)

    @classmethod
    def of(cls, matrix: Any, *, symmetric: bool = False) -> Pattern:
        """Make the pattern of what a matrix stores: a Pattern, sparse of SciPy's, or an array.

        Parameters
        ----------
        matrix : Pattern, sparse array, or array_like
            The matrix. Of an array these are the entries that differ from 0.
        symmetric : bool, optional
            Whether it is to be taken for symmetric.

        Returns
        -------
        Pattern
            Where the entries are.

        Examples
        --------
        >>> import numgrad
        >>> import numpy as np
        >>> numgrad.Pattern.of(np.eye(4))
        Pattern(4 x 4, 4 entries: 25 %, 1 colour)
        """
        if isinstance(matrix, cls):
            if matrix.symmetric == symmetric:
                return matrix
            return cls(matrix.shape, matrix.rows, matrix.columns, symmetric=symmetric)
        if hasattr(matrix, "tocoo"):
            entries = matrix.tocoo()
            return cls(entries.shape, entries.row, entries.col, symmetric=symmetric)
        array = np.asarray(matrix)
        if array.ndim != 2:
            raise TypeError(f"a pattern is a matrix, and not an array of {array.ndim} dimensions")
        return cls(array.shape, *np.nonzero(array), symmetric=symmetric)

    @property
    def nnz(self) -> int:
        """The number of entries."""
        return int(self.columns.size)

    @property
    def density(self) -> float:
        """The part of all places that are entries."""
        return self.nnz / max(1, self.shape[0] * self.shape[1])

    @property
    def rows(self) -> Any:
        """The row of each entry."""
        return np.repeat(np.arange(self.shape[0], dtype=np.int32), np.diff(self.starts))

    @cached_property
    def colours(self) -> Any:
        """The colour of each column: one direction finds all entries of one colour.

        Columns of one colour have no row in common. If the pattern is symmetric, they are a star
        colouring where that has fewer, and an acyclic one where that saves a pass: `colouring`.
        """
        return self._colours[1]

    @property
    def colouring(self) -> str:
        """The kind of colours: "columns", "star" or "acyclic"."""
        return str(self._colours[0])

    @cached_property
    def _colours(self) -> Any:
        """The kind of colours, and what they are."""
        from numgrad.drivers.sparse import acyclic

        kind, direct = self._direct
        count = int(direct.max(initial=-1)) + 1
        most = acyclic.fewer_by_a_pass(count) if self.symmetric else 0
        found = acyclic.acyclic_colours(self.starts, self.columns, most)
        if found is None:
            return kind, direct
        found.flags.writeable = False
        return "acyclic", found

    @property
    def direct_colours(self) -> Any:
        """Colours of which each entry is found by itself, without substitution."""
        return self._direct[1]

    @cached_property
    def _direct(self) -> Any:
        from numgrad.drivers.sparse import colouring

        kind, found = "columns", colouring.column_colours(self.starts, self.columns, self.shape[1])
        if self.symmetric:
            stars = colouring.star_colours(self.starts, self.columns)
            if stars.max(initial=-1) < found.max(initial=-1):
                kind, found = "star", stars
        found.flags.writeable = False
        return kind, found

    @property
    def colour_count(self) -> int:
        """The number of colours: that of the directions that find all entries."""
        return int(self.colours.max(initial=-1)) + 1

    @cached_property
    def transposed(self) -> Pattern:
        """The pattern of the transpose."""
        from numgrad.drivers.sparse import colouring

        starts, rows = colouring.transposed(self.starts, self.columns, self.shape[1])
        return Pattern.of_rows(self.shape[::-1], starts, rows)

    def to_scipy(self, format: str = "csr") -> Any:
        """Return the pattern as a sparse array of SciPy's, with True for each entry.

        Parameters
        ----------
        format : str, optional
            The format: "csr", "csc" or another of SciPy's.

        Returns
        -------
        scipy.sparse.sparray
            The array.
        """
        return self.with_data(np.ones(self.nnz, bool)).asformat(format)

    def with_data(self, data: Any) -> Any:
        """Return the sparse array of SciPy's, in format CSR, with some data as its entries."""
        starts = self.starts.astype(np.int32) if self.nnz < 1 << 31 else self.starts.copy()
        kind = scipy_sparse().csr_array
        return kind((data, self.columns.copy(), starts), shape=self.shape)

    def toarray(self) -> Any:
        """Return the pattern as an array of booleans."""
        array = np.zeros(self.shape, bool)
        array[self.rows, self.columns] = True
        return array

    def save(self, file: Any) -> None:
        """Write the pattern to a file of NumPy's, ``.npz``.

        Parameters
        ----------
        file : str, path or file object
            Where to write.
        """
        np.savez_compressed(
            file,
            shape=np.array(self.shape),
            starts=self.starts,
            columns=self.columns,
            symmetric=np.array(self.symmetric),
        )

    @classmethod
    def load(cls, file: Any) -> Pattern:
        """Read a pattern that `save` wrote.

        Parameters
        ----------
        file : str, path or file object
            Where to read.

        Returns
        -------
        Pattern
            The pattern.
        """
        with np.load(file) as found:
            rows, columns = found["shape"].tolist()
            starts, symmetric = found["starts"], bool(found["symmetric"])
            return cls.__new__(cls)._set(
                (rows, columns), starts, found["columns"], symmetric=symmetric
            )

    def __or__(self, other: Pattern) -> Pattern:
        """Return the union: the entries of both patterns."""
        if not isinstance(other, Pattern):
            return NotImplemented
        if self.shape != other.shape:
            raise ValueError(f"patterns of shapes {self.shape} and {other.shape} have no union")
        rows = np.concatenate([self.rows, other.rows])
        columns = np.concatenate([self.columns, other.columns])
        symmetric = self.symmetric and other.symmetric
        return Pattern(self.shape, rows, columns, symmetric=symmetric)

    union = __or__

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Pattern):
            return NotImplemented
        return (
            self.shape == other.shape
            and np.array_equal(self.starts, other.starts)
            and np.array_equal(self.columns, other.columns)
        )

    def __hash__(self) -> int:
        return hash((self.shape, self.starts.tobytes(), self.columns.tobytes()))

    def __reduce__(self) -> Any:
        return _restored, (self.shape, self.starts, self.columns, self.symmetric)

    def __repr__(self) -> str:
        rows, columns = self.shape
        count, colours = self.nnz, self.colour_count
        entries = "1 entry" if count == 1 else f"{count:,} entries"
        share = f"{100 * self.density:.3g} %"
        several = "1 colour" if colours == 1 else f"{colours:,} colours"
        several += ", acyclic" if self.colouring == "acyclic" else ""
        kind = "symmetric, " if self.symmetric else ""
        return f"Pattern({rows:,} x {columns:,}, {kind}{entries}: {share}, {several})"

    def __str__(self) -> str:
        return pictures.text(self)

    def _repr_html_(self) -> str:
        return f"{pictures.svg(self)}<div>{self!r}</div>"

    def plot(self, ax: Any = None) -> Any:
        """Draw the pattern with Matplotlib.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw, the current axes by default.

        Returns
        -------
        matplotlib.axes.Axes
            The axes.
        """
        return pictures.plot(self, ax)


def scipy_sparse() -> Any:
    """Return the module of sparse arrays."""
    try:
        import scipy.sparse
    except ModuleNotFoundError:
        raise ModuleNotFoundError(NEED_SCIPY) from None
    return scipy.sparse


def _restored(shape: Any, starts: Any, columns: Any, symmetric: bool) -> Pattern:
    return Pattern.__new__(Pattern)._set(shape, starts, columns, symmetric=symmetric)
