"""What builds and checks the manual, on small pages and sites; the manual itself is built by CI."""

import ast
from pathlib import Path

import pytest

from docs.building import examples, gallery, messages, site

FOLDER = Path(__file__).parents[1]
RIGHT = """\
# A page

```pycon
>>> print(6 * 7)  # doctest: +ELLIPSIS
4...
```

```sh
not run
```
"""


def test_a_page_that_is_right(tmp_path):
    assert examples.run("page", RIGHT, tmp_path) == []


@pytest.mark.parametrize(
    ("right", "wrong", "line", "text"),
    [
        ("4...", "43", 4, "Expected:\n    43\nGot:\n    42"),
        ("6 * 7", "six", 4, "NameError: name 'six' is not defined"),
        ("4...\n", "", 4, "Expected nothing\nGot:\n    42"),
        ("pycon\n>>> ", "python\n", 4, "a block of Python that isn't run"),
        ("4...", "42\n>>> import warnings; warnings.warn('late')", 6, "UserWarning: late"),
    ],
)
def test_a_page_that_is_wrong(tmp_path, right, wrong, line, text):
    (failure, *_) = examples.run("page", RIGHT.replace(right, wrong), tmp_path)
    assert failure.line == line
    assert text in failure.text


def test_wrong_pages_end_the_command(tmp_path, capsys):
    path = tmp_path / "page.md"
    path.write_text(RIGHT, "utf-8")
    assert examples.main([str(path)]) == 0
    path.write_text(RIGHT.replace("4...", "43"), "utf-8")
    assert examples.main([str(path)]) == 1
    assert f"{path}:4: print(6 * 7)" in capsys.readouterr().out


@pytest.fixture
def small_site(tmp_path):
    """A site of two pages on which all is in its place."""
    (tmp_path / "api").mkdir()
    (tmp_path / "style.css").touch()
    (tmp_path / "index.html").write_text(
        '<link rel="stylesheet" href="style.css?v=1"><a href="https://example.org">elsewhere</a>'
        '<a href="api/numgrad.grad.html#numgrad.grad">grad</a><a id="top" href="#top">up</a>',
        "utf-8",
    )
    (tmp_path / "api" / "numgrad.grad.html").write_text(
        '<dt id="numgrad.grad"></dt><a href="../index.html">home</a>', "utf-8"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("right", "wrong", "fault"),
    [
        ("elsewhere", "elsewhere", None),
        ("api/numgrad.grad.html#", "numgrad.grad.html#", "leads nowhere"),
        ("#numgrad.grad", "#numgrad.gard", "there is no place api/numgrad.grad.html#numgrad.gard"),
        ('href="#top"', 'href="#bottom"', "there is no place #bottom"),
        ("style.css", "styles.css", "leads nowhere"),
        ("style.css", "https://example.org/style.css", "from elsewhere"),
        ("<a id", '<img src="graph.svg"><a id', "graph.svg leads nowhere"),
    ],
)
def test_links_of_a_site(small_site, right, wrong, fault):
    page = small_site / "index.html"
    page.write_text(page.read_text("utf-8").replace(right, wrong), "utf-8")
    found = list(site.faults(small_site, ["grad"]))
    assert len(found) == (fault is not None)
    assert all(fault in each for each in found)


def test_public_names_of_a_site(small_site):
    assert list(site.faults(small_site, ["grad", "vmap"])) == ["numgrad.vmap has no API page"]
    page = small_site / "api" / "numgrad.grad.html"
    page.write_text("nothing", "utf-8")
    found = list(site.faults(small_site, ["grad"]))
    assert "the API page of numgrad.grad doesn't tell of it" in found


def test_every_error_is_in_the_page_on_troubleshooting():
    page = messages.plain((FOLDER / "docs" / "troubleshooting.md").read_text("utf-8"))
    told = list(messages.messages(FOLDER / "numgrad"))
    assert len(told) > 100
    missing = [f"{m.place}: {m.error}: {m.fixed}" for m in told if m.fixed not in page]
    assert not missing, "docs/troubleshooting.md must tell of these errors, and what to do"


@pytest.mark.parametrize("path", sorted((FOLDER / "numgrad" / "examples").glob("[!_]*.py")))
def test_examples_have_titles(path):
    title, line = gallery.titled(path.read_text("utf-8")).split('"""')[1].split("\n")[1:3]
    assert title.strip()
    assert line == "=" * len(title)
    assert "main" in ast.unparse(ast.parse(path.read_text("utf-8")).body[-1])
