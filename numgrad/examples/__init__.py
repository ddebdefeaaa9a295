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
spectrum
    The cosmic microwave background: temperature and limits, from the Hessian of a likelihood.
stiff
    Stiff differential equations, by SciPy with and without the exact Jacobian.
terrain
    Slope and aspect of a real mountain front.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path


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


def picture(name: str, doc: str, arguments: Sequence[str] | None) -> Path:
    """Read the command line of an example that only draws a picture.

    Parameters
    ----------
    name : str
        The example's.
    doc : str
        Its docstring, whose first line describes it.
    arguments : sequence of str or None
        The command line without the program's name; None takes that of the process.

    Returns
    -------
    Path
        Where to save the picture.

    Raises
    ------
    SystemExit
        If an argument is wrong, or Matplotlib is missing.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m numgrad.examples.{name}", description=doc.partition("\n")[0]
    )
    parser.add_argument("--output", type=Path, default=Path(f"{name}.png"), metavar="PNG")
    output: Path = parser.parse_args(arguments).output
    require("matplotlib.figure")
    return output
