"""The gallery: the package's examples, each run once by sphinx-gallery, with what it draws.

An example is a module of functions and a `main` that prints and, where it takes ``--output``,
draws a picture there. It needs nothing for the gallery's sake: the title is the first line of its
docstring.
"""

import ast
import shutil
from pathlib import Path
from typing import Any

HEADER = """\
Gallery
=======

Each example runs by name, ``python -m numgrad.examples.NAME``, with the ``plot`` extra installed.
What it prints and draws here is what it printed and drew when this manual was built.

"""

# The manual is built often: examples that take long are given less to do.
FEWER = {"stiff": ["--grid", "6"]}


def copy_examples(source: Path, folder: Path) -> None:
    """Copy the examples of the package to a folder, with titles that Sphinx takes for such."""
    folder.mkdir(exist_ok=True)
    (folder / "GALLERY_HEADER.rst").write_text(HEADER, "utf-8")
    for path in sorted(source.glob("[!_]*.py")):
        text = titled(path.read_text("utf-8"))
        copy = folder / path.name
        if not copy.exists() or copy.read_text("utf-8") != text:
            copy.write_text(text, "utf-8")


def titled(source: str) -> str:
    """Return the source of an example with the first line of its docstring as a title."""
    docstring = ast.get_docstring(ast.parse(source), clean=False)
    if docstring is None:
        raise ValueError("an example begins with a docstring, whose first line is its title")
    title, _, rest = docstring.partition("\n")
    title = title.rstrip(".")
    return source.replace(docstring, f"\n{title}\n{'=' * len(title)}\n{rest}", 1)


def picture_of(path: str) -> Path:
    """Return where an example draws."""
    return Path(path).with_suffix(".png")


def arguments_of(gallery: Any, variables: dict[str, Any]) -> list[str]:
    """Return the command line of an example."""
    path = variables["src_file"]
    arguments = list(FEWER.get(Path(path).stem, []))
    if "--output" in Path(path).read_text("utf-8"):
        arguments += ["--output", picture_of(path).name]  # it runs in its own folder
    return arguments


def scrape(block: Any, variables: dict[str, Any], gallery: dict[str, Any]) -> str:
    """Return the picture that an example has drawn as source of its page."""
    from sphinx_gallery.scrapers import figure_rst

    drawn = picture_of(variables["src_file"])
    if not drawn.exists():
        return ""
    place = next(variables["image_path_iterator"])
    shutil.move(drawn, place)
    return str(figure_rst([place], gallery["src_dir"]))
