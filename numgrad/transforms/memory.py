"""``numgrad.tape_limit`` and ``numgrad.release_memory``: the memory that reverse mode keeps."""

from numgrad.numbers.tape import memory, threads


def tape_limit(limit: int | None = None) -> int:
    """Set the most memory that the tapes of reverse mode may take together, in bytes.

    Parameters
    ----------
    limit : int, optional
        The bytes from now on; without it, nothing changes. A tape that is there already stays.

    Returns
    -------
    int
        The limit in force, in bytes. At first it is half of the memory that the process may use, or
        what the environment variable ``NUMGRAD_TAPE_LIMIT`` says.

    Raises
    ------
    TypeError, ValueError
        If the limit isn't a positive integer.

    See Also
    --------
    release_memory : free the tapes of a thread.

    Notes
    -----
    The derivative that would need more raises a MemoryError; nothing is lost, and the next call is
    right. A statement of two operands takes 42 bytes.

    Examples
    --------
    >>> import numgrad
    >>> before = numgrad.tape_limit()
    >>> numgrad.tape_limit(2_000_000_000)
    2000000000
    >>> numgrad.tape_limit(before) == before
    True
    """
    memory.register()
    if limit is not None:
        threads.STATE[threads.LIMIT] = threads.checked_limit(limit)
    return threads.STATE[threads.LIMIT]


def release_memory() -> None:
    """Free the memory that reverse mode keeps for this thread from call to call.

    That of other threads is freed when they end.

    Examples
    --------
    >>> import numgrad
    >>> numgrad.release_memory()
    """
    threads.release()
