"""``numgrad.cache``: whether derivatives are kept on disk."""

from numgrad.caching import switch


def cache(on: bool = True) -> None:
    """Keep on disk what derivatives compile to, for this and all later processes.

    Derivatives that Python calls, of functions compiled with ``cache=True``, are kept without it.

    Parameters
    ----------
    on : bool, optional
        Whether to keep the derivatives of all functions from now on, plain ones too. With False,
        those of functions compiled with ``cache=True`` alone.

    Raises
    ------
    TypeError
        If `on` isn't a bool: this is no decorator.

    See Also
    --------
    grad : a derivative.

    Notes
    -----
    The environment variable ``NUMGRAD_CACHE`` says the same where a program says nothing: 1 keeps
    the derivatives of all functions, 0 keeps none. A derivative is found again by its contents: the
    function with its constants, defaults, closures and globals and with all that it calls, the
    types of the arguments, the rules in force, the settings, the versions of numgrad, Numba,
    llvmlite, NumPy and Python, and the processor. Where these can't be compared, as for objects in
    a global variable, it is compiled in each process. ``python -m numgrad cache`` shows the folder
    and what is in it, ``python -m numgrad cache clear`` empties it.

    Examples
    --------
    >>> import numgrad
    >>> numgrad.cache()
    >>> numgrad.cache(False)
    """
    if not isinstance(on, bool):
        raise TypeError(f"numgrad.cache is given True or False, not {on!r}")
    switch.turn(on)
