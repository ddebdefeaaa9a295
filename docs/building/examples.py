"""Runs the examples of the manual's pages: each page when Sphinx reads it.

All pages run in the process that builds the manual, so that what they share is compiled once, and
the pictures that they draw are there to be shown. An example whose output isn't what the page says
is a warning, and ends a build with ``-W``.

``python docs/building/examples.py docs/tour.md ...`` runs pages without building them.
"""

import contextlib
import doctest
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

PICTURES = Path(__file__).parents[1] / "pictures"  # the folder in which pages run
FENCE = re.compile(r"^\s*(`{3,}|~{3,}|:{3,})\s*(\S*)")
RUN, TO_BE_RUN = "pycon", ("python", "py", "python3", "pycon")

# Examples that need a GPU are marked so, and run where there is one. Elsewhere the pages about GPUs
# run in Numba's simulator, in a process of their own.
GPU = doctest.register_optionflag("GPU")
# Examples of other packages are marked by their names, and run where these are installed.
PACKAGES = {
    name: doctest.register_optionflag(name.upper()) for name in ("iminuit", "lmfit", "emcee")
}
SIMULATOR = {"NUMBA_ENABLE_CUDASIM": "1"}
ABOUT_GPUS = {"cuda"}


class Failure(NamedTuple):
    """An example that went wrong, or isn't run at all."""

    line: int
    text: str


def blocks(page: str) -> Iterator[tuple[int, str, list[str]]]:
    """Yield the fenced blocks of a page: the line they begin at, their language, their lines."""
    fence, first, language, inside = "", 0, "", []
    for number, line in enumerate(page.splitlines(), start=1):
        match = FENCE.match(line)
        if not fence and match:
            fence, first, language, inside = match[1], number + 1, match[2], []
        elif fence and match and match[1].startswith(fence) and not match[2]:
            yield first, language, inside
            fence = ""
        elif fence:
            inside.append(line)


def examples_of(page: str) -> str:
    """Return a page with nothing left but its examples, each on its line."""
    lines = [""] * len(page.splitlines())
    for first, language, inside in blocks(page):
        if language == RUN:
            lines[first - 1 : first - 1 + len(inside)] = inside
    return "\n".join(lines) + "\n"


def not_run(page: str) -> list[Failure]:
    """Return the blocks of Python in a page that aren't run."""
    return [
        Failure(first, f"a block of Python that isn't run: fence it as {RUN}, with prompts")
        for first, language, inside in blocks(page)
        if language in TO_BE_RUN and not (language == RUN and inside[:1][0].startswith(">>> "))
    ]


def has_gpu() -> bool:
    """Return whether examples that need a GPU can run."""
    if SIMULATOR.items() <= os.environ.items():
        return False
    try:
        from numba import cuda
    except ImportError:
        return False
    return bool(cuda.is_available())


def run(name: str, page: str, folder: Path) -> list[Failure]:
    """Run the examples of a page, in a folder for what they draw.

    Parameters
    ----------
    name : str
        What to call the page.
    page : str
        Its source.
    folder : Path
        Where to be meanwhile.

    Returns
    -------
    list of Failure
        What went wrong.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    test = doctest.DocTestParser().get_doctest(examples_of(page), names, name, name, 0)
    if any(GPU in example.options for example in test.examples) and not has_gpu():
        for example in test.examples:
            example.options[doctest.SKIP] = GPU in example.options
    for package, flag in PACKAGES.items():
        for example in test.examples if find_spec(package) is None else ():
            if example.options.get(flag):
                example.options[doctest.SKIP] = True
    folder.mkdir(exist_ok=True)
    runner = Runner()
    with contextlib.chdir(folder), warnings.catch_warnings():
        warnings.simplefilter("error")
        runner.run(test, out=lambda text: None)
    close_figures()
    return not_run(page) + runner.failed


def close_figures() -> None:
    """Forget the figures that a page has drawn."""
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


class Checker(doctest.OutputChecker):
    """Compares outputs; an example is shown as a file of its page's name."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        """Return whether an output is what the page says."""
        return super().check_output(want, shown(got), optionflags)

    def output_difference(self, example: Any, got: str, optionflags: int) -> str:
        """Return both."""
        return super().output_difference(example, shown(got), optionflags)


def shown(output: str) -> str:
    """Return an output with the name that the page has for the file of an example."""
    return re.sub(r"<doctest (\w+)\[\d+\]>", r"\1.py", output)


class Runner(doctest.DocTestRunner):
    """Runs examples, and keeps what went wrong with its line."""

    def __init__(self) -> None:
        super().__init__(checker=Checker(), verbose=False, optionflags=doctest.ELLIPSIS)
        self.failed: list[Failure] = []

    def report_failure(self, out: Any, test: Any, example: Any, got: str) -> None:
        """Keep an output that isn't what the page says."""
        difference = self._checker.output_difference(example, got, self.optionflags)
        self._keep(example, difference)

    def report_unexpected_exception(self, out: Any, test: Any, example: Any, exc_info: Any) -> None:
        """Keep an error that the page doesn't tell of."""
        kind, error, _ = exc_info
        self._keep(example, f"{kind.__name__}: {error}")

    def _keep(self, example: Any, what: str) -> None:
        self.failed.append(Failure(example.lineno + 1, f"{example.source}{what}"))


def run_in_simulator(path: Path) -> list[Failure]:
    """Run the examples of a page in a process of its own, where Numba simulates a GPU."""
    command = [sys.executable, __file__, str(path)]
    environment = os.environ | SIMULATOR
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return [Failure(1, done.stdout + done.stderr)] if done.returncode else []


def run_when_read(app: Any, docname: str, content: list[str]) -> None:
    """Run a page that Sphinx has read, and warn of what went wrong."""
    from sphinx.util import logging

    path = app.env.doc2path(docname)
    if path.suffix != ".md":
        return
    if docname in ABOUT_GPUS and not has_gpu():
        failures = run_in_simulator(path)
    else:
        failures = run(docname, content[0], PICTURES)
    for failure in failures:
        place = (docname, failure.line)
        logging.getLogger(__name__).warning("%s", failure.text, location=place, type="example")


def setup(app: Any) -> dict[str, bool]:
    """Run pages when Sphinx reads them."""
    app.connect("source-read", run_when_read)
    return {"parallel_read_safe": False}


def main(paths: list[str]) -> int:
    """Run pages, print what went wrong, and return the exit status."""
    failures = [
        (path, failure)
        for path in paths
        for failure in run(Path(path).stem, Path(path).read_text("utf-8"), PICTURES)
    ]
    for path, failure in failures:
        print(f"{path}:{failure.line}: {failure.text}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
