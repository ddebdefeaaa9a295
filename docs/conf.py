"""How Sphinx builds the manual: ``sphinx-build -W --keep-going -n docs docs/site``."""

import os
import sys
from pathlib import Path

os.environ.setdefault("MPLBACKEND", "agg")
os.environ["NUMGRAD_PROGRESS"] = "0"

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS))
sys.path.insert(0, str(DOCS.parent))

from building import gallery  # noqa: E402 - which is found only now

import numgrad  # noqa: E402

project = "numgrad"
author = "The numgrad developers"
project_copyright = author
version = release = numgrad.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "building.examples",
    "building.formulas",
    "building.references",
]
exclude_patterns = ["site", "building", "pictures", "gallery_source"]
templates_path = ["_templates"]

# Pages
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
highlight_language = "python"
trim_doctest_flags = True
copybutton_exclude = ".linenos, .gp, .go"  # neither prompts nor what is printed

# API pages
default_role = "code_or_link"
autosummary_generate = True
autodoc_typehints = "none"  # numpydoc's sections say it
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
numpydoc_class_members_toctree = False

# Gallery: the examples of the package, each run as ``python -m numgrad.examples.NAME`` runs it
gallery.copy_examples(DOCS.parent / "numgrad" / "examples", DOCS / "gallery_source")
sphinx_gallery_conf = {
    "examples_dirs": str(DOCS / "gallery_source"),
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "image_scrapers": ("building.gallery.scrape",),
    "reset_argv": "building.gallery.arguments_of",
    "reset_modules": (),
    "remove_config_comments": True,
    "download_all_examples": False,
    "show_signature": False,
    "min_reported_time": 10**6,
    "plot_gallery": "True",
    "default_thumb_file": str(DOCS / "drawings" / "thumbnail.png"),
    "capture_repr": (),
    "within_subsection_order": "FileNameSortKey",
    "write_computation_times": False,
}

# Site: nothing in it is loaded from another one
html_theme = "pydata_sphinx_theme"
html_title = f"numgrad {release}"
html_static_path = ["style.css"]
html_css_files = ["style.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "numgrad"},
    "navbar_align": "left",
    "header_links_before_dropdown": 8,
    "show_prev_next": True,
    "secondary_sidebar_items": {"**": ["page-toc"], "performance": []},  # its tables are wide
    "footer_start": ["copyright"],
    "footer_end": [],
    "use_edit_page_button": False,
    "show_version_warning_banner": False,
}
# Pages that stand alone have no neighbours to list.
ALONE = ("index", "install", "tour", "worked", "coming_from", "changelog")
html_sidebars: dict[str, list[str]] = {page: [] for page in ALONE}
