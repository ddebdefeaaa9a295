"""Runnable examples: ``python -m numgrad.examples.NAME``.

assimilation
    Where a wave began: variational assimilation (4D-Var) of tide gauges' records.
digits
    Handwritten digits: a small net, trained by gradients in reverse mode.
fit
    Hard problems of nonlinear regression, by SciPy with exact Jacobians.
lynx
    Hares and lynx of the Hudson Bay: the parameters of a differential equation, and how sure they
    are.
newton
    Which root Newton's method finds: fractals from a derivative inside a parallel loop.
options
    Greeks of an option as surfaces, from first and second derivatives of its price.
patterns
    Sparse Jacobians and Hessians: a stiff reaction on a square, a soap film.
spectrum
    The cosmic microwave background: temperature and limits, from the Hessian of a likelihood.
stiff
    Stiff differential equations, by SciPy with and without the exact Jacobian.
terrain
    Slope and aspect of a real mountain front.
"""

import argparse
import functools
import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol


class Option(NamedTuple):
    """An option of an example's command line: a whole number.

    Attributes
    ----------
    default : int
        What it is if it isn't given.
    meaning : str
        What it says, for the list of options.
    """

    default: int
    meaning: str


class Main(Protocol):
    """What runs an example: a function of its command line."""

    def __call__(self, arguments: Sequence[str] | None = None) -> None: ...


def require(*modules: str) -> None:
    """Stop with a word on what to install if a module of the ``plot`` extra is missing.

    Parameters
    ----------
    *modules : str
        What the example imports later, so that nothing is computed before it is missed.

    Raises
    ------
    SystemExit
        If one can't be imported.
    """
    for module in modules:
        try:
            importlib.import_module(module)
        except ModuleNotFoundError:
            package = module.partition(".")[0]
            sys.exit(f"this example needs {package}: pip install 'numba-numgrad[plot]'")


def example(*modules: str, **options: Option) -> Callable[[Callable[..., None]], Main]:
    """Make the ``main`` of an example from what it computes, prints and draws.

    Parameters
    ----------
    *modules : str
        What it needs of the ``plot`` extra beside Matplotlib.
    **options : Option
        The options of its command line beside ``--output``.

    Returns
    -------
    callable
        A decorator of a function of the path of a picture and of the options. The function that it
        returns takes a command line without the program's name, that of the process if there is
        none; it exits if an argument is wrong or a module is missing, and says where the picture
        is.
    """

    def main_of(run: Callable[..., None]) -> Main:
        name = Path(run.__code__.co_filename).stem
        title = str(run.__globals__["__doc__"]).partition("\n")[0]

        @functools.wraps(run)
        def main(arguments: Sequence[str] | None = None) -> None:
            parser = argparse.ArgumentParser(
                prog=f"python -m numgrad.examples.{name}", description=title
            )
            for option, (default, meaning) in options.items():
                parser.add_argument(
                    f"--{option}", type=int, default=default, metavar="N", help=meaning
                )
            parser.add_argument("--output", type=Path, default=Path(f"{name}.png"), metavar="PNG")
            given = parser.parse_args(arguments)
            require("matplotlib.figure", *modules)
            run(**vars(given))
            print(f"\npicture  {given.output}")

        del main.__wrapped__  # whose arguments are others
        return main

    return main_of
