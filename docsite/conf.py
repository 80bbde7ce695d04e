"""Sphinx's configuration (`make site`). Sources are the Markdown pages as they stand in the repository."""

from pathlib import Path

ROOT = Path(__file__).parents[1]

project = "nextitem"
extensions = ["myst_parser", "docsite.navigation", "docsite.made_parts"]

# The root of the repository is the source folder, so that links from docs/ to files beside it work as on GitHub.
root_doc = "docs/index"
include_patterns = ["docs/**", "*.md", "tests/README.md", "clients/*/README.md"]
_WITH_PAGES = {"docs", "tests", "clients"}
# Sphinx walks through every folder that is not excluded: .venv alone has thousands.
exclude_patterns = [
    *(path.name for path in ROOT.iterdir() if path.is_dir() and path.name not in _WITH_PAGES),
    "clients/*/[!R]*",
    "tests/*/**",
]

smartquotes = False  # quotes in texts are those of code
myst_heading_anchors = 6  # GitHub's anchors, so that a link such as api.md#ids is checked

html_theme = "furo"
html_title = "nextitem"
html_copy_source = False
html_show_search_summary = False  # a page opened from disk may not fetch the text of another
html_use_index = False  # an index of terms: no page has any
html_additional_pages = {"index": "redirect.html"}
templates_path = ["templates"]
html_static_path = ["static"]
html_css_files = ["site.css"]
