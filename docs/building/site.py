"""Checks the built manual as a browser would meet it: ``python docs/building/site.py docs/site``.

Every link within the site leads to a page and a place on it, every picture, style and script is a
file of the site, nothing is loaded from elsewhere, and every public name has its API page.
"""

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {"img": "src", "script": "src", "link": "href", "source": "src", "iframe": "src"}
OF_LINKS = {"stylesheet", "icon", "preload", "search"}  # the links that are loaded, by their rel


class Page(HTMLParser):
    """What a page refers to, and the places on it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element refers to, and its name."""
        values = dict(attrs)
        self.anchors.update(value for key in ("id", "name") if (value := values.get(key)))
        address = values.get(LOADED.get(tag, "href"))
        if not address:
            return
        if tag == "a":
            self.links.append(address)
        elif tag in LOADED and (tag != "link" or OF_LINKS & set((values["rel"] or "").split())):
            self.loaded.append(address)


def faults(site: Path, names: list[str]) -> Iterator[str]:
    """Yield what is wrong with a site.

    Parameters
    ----------
    site : Path
        The folder that Sphinx has filled.
    names : list of str
        The public names of numgrad.
    """
    paths = sorted(site.resolve().rglob("*.html"))
    pages = {path: Page(path) for path in paths if "_static" not in path.parts}  # of the theme
    for path, page in pages.items():
        place = path.relative_to(site.resolve())
        for address in page.links + page.loaded:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                if address in page.loaded and parts.scheme != "data":
                    yield f"{place}: loads {address} from elsewhere"
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file():
                yield f"{place}: {address} leads nowhere"
            elif parts.fragment and unquote(parts.fragment) not in anchors_on(target, pages):
                yield f"{place}: there is no place {address}"
    for name in names:
        page = pages.get(site.resolve() / "api" / f"numgrad.{name}.html")
        if page is None:
            yield f"numgrad.{name} has no API page"
        elif f"numgrad.{name}" not in page.anchors:
            yield f"the API page of numgrad.{name} doesn't tell of it"


def anchors_on(target: Path, pages: dict[Path, Page]) -> set[str]:
    """Return the places on a page; there are none on anything else."""
    return pages[target].anchors if target in pages else set()


def main(site: Path) -> int:
    """Print what is wrong with a site, and return the exit status."""
    import numgrad

    found = list(faults(site, numgrad.__all__))
    print("\n".join(found) or f"{len(list(site.rglob('*.html')))} pages, every link in place")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
