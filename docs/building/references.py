"""Names in the manual, linked to what they name.

Public names of numgrad lead to their page, those of NumPy and SciPy to the page in their own
manual; all else is shown as code. No list of other projects' pages is loaded: both have one page a
name, under its full name.
"""

import re
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

import numgrad

ELSEWHERE = {
    "numpy": "https://numpy.org/doc/stable/reference/generated/{}.html",
    "scipy": "https://docs.scipy.org/doc/scipy/reference/generated/{}.html",
}
OURS = re.compile(r"(?:numgrad\.)?(\w+)(?:\(\))?")


def public(text: str) -> str | None:
    """Return the full name of what a text names, if it is public."""
    match = OURS.fullmatch(text)
    return f"numgrad.{match[1]}" if match and match[1] in numgrad.__all__ else None


def reference_to(name: str, docname: str, shown: Any) -> Any:
    """Return a reference to a public name, still to be resolved."""
    reference = addnodes.pending_xref(
        "", shown, refdomain="py", reftype="obj", reftarget=name, refexplicit=True, refdoc=docname
    )
    reference["py:module"] = reference["py:class"] = None
    return reference


def code_or_link(
    name: str, rawtext: str, text: str, lineno: int, inliner: Any, *_: Any
) -> tuple[list[Any], list[Any]]:
    """Return what stands for a text in single backticks."""
    shown = nodes.literal(rawtext, text)
    environment = inliner.document.settings.env
    target = public(text)
    if target is not None:
        return [reference_to(target, environment.docname, shown)], []
    address = address_of(text)
    if address is not None:
        return [nodes.reference("", "", shown, refuri=address, internal=False)], []
    return [shown], []


def address_of(name: str) -> str | None:
    """Return the address of the page of a name of another project."""
    address = ELSEWHERE.get(name.partition(".")[0])
    return address.format(name) if address and "." in name else None


def linked_elsewhere(app: Any, environment: Any, node: Any, shown: Any) -> Any:
    """Return a link for a name that no page here has, if it is one of another project."""
    address = address_of(node.get("reftarget", "")) if node.get("refdomain") == "py" else None
    if address is None:
        return None
    return nodes.reference("", "", shown, refuri=address, internal=False)


class LinkNames(SphinxTransform):
    """Makes links of the public names that pages show as code."""

    default_priority = 500

    def apply(self, **_: Any) -> None:
        """Walk through one page."""
        for literal in list(self.document.findall(nodes.literal)):
            text = literal.astext()
            if not text.startswith("numgrad.") or within(literal):
                continue
            target = public(text.partition("(")[0])  # a call leads where its function does
            if target is not None:
                literal.replace_self(reference_to(target, self.env.docname, literal.deepcopy()))


def within(node: Any) -> bool:
    """Return whether a node is part of a heading or of another link."""
    ends = (nodes.title, nodes.reference, addnodes.pending_xref, addnodes.desc_signature)
    while node.parent is not None:
        node = node.parent
        if isinstance(node, ends):
            return True
    return False


def setup(app: Any) -> dict[str, bool]:
    """Add the role, the transform, and the pages of others."""
    app.add_role("code_or_link", code_or_link)
    app.add_transform(LinkNames)
    app.connect("missing-reference", linked_elsewhere)
    return {"parallel_read_safe": True}
