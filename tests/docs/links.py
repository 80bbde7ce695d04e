"""Links and headings of documents in Markdown, and which documents a reader reaches by them."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

_FENCED = re.compile(r"^( *)```.*?^ *```$", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^(#{1,6}) (.+)$", re.MULTILINE)
_TARGET = re.compile(r"\]\(([^)\s]+)\)")
_SYNTAX = re.compile(r"\[([^\]]*)\]\([^)]*\)|[`*]")
_NOT_IN_ANCHORS = re.compile(r"[^\w\- ]")


@dataclass(frozen=True)
class Link:
    """A link of a document to a file of this project; `anchor` is a heading of it, or nothing."""

    file: Path
    anchor: str


@dataclass(frozen=True)
class Section:
    """A heading of a document with the text below it, up to the next heading of its level or above."""

    title: str
    anchor: str
    text: str


def links(document: Path) -> list[Link]:
    """Return the links of a document to files of this project, with absolute paths."""
    found = []
    for target in _TARGET.findall(_FENCED.sub("", document.read_text(encoding="utf-8"))):
        if "://" not in target and not target.startswith("mailto:"):
            name, _, anchor = target.partition("#")
            found.append(Link((document.parent / name).resolve() if name else document, anchor))
    return found


def sections(document: Path) -> list[Section]:
    """Return the sections of a document, in order, with the anchors that GitHub gives them."""
    text = document.read_text(encoding="utf-8")
    without_code = _FENCED.sub(lambda block: " " * len(block[0]), text)
    headings = list(_HEADING.finditer(without_code))
    seen: Counter[str] = Counter()
    found = []
    for number, heading in enumerate(headings):
        title = _SYNTAX.sub(r"\1", heading[2])
        anchor = _NOT_IN_ANCHORS.sub("", title.lower()).replace(" ", "-")
        repeat = f"-{seen[anchor]}" if seen[anchor] else ""
        seen[anchor] += 1
        after = (later.start() for later in headings[number + 1 :] if len(later[1]) <= len(heading[1]))
        found.append(Section(title, anchor + repeat, text[heading.end() : next(after, len(text))]))
    return found


def broken(document: Path) -> list[str]:
    """Return the links of a document whose file or heading does not exist."""
    faults = []
    for link in links(document):
        if not link.file.exists():
            faults.append(str(link.file))
        elif link.anchor and link.anchor not in {section.anchor for section in sections(link.file)}:
            faults.append(f"{link.file.name}#{link.anchor}")
    return faults


def clicks_from(start: Path) -> dict[Path, int]:
    """Return the documents that a reader reaches from one by links, each with the number of clicks."""
    clicks, waiting = {start: 0}, [start]
    for document in waiting:
        for link in links(document):
            if link.file.suffix == ".md" and link.file.is_file() and link.file not in clicks:
                clicks[link.file] = clicks[document] + 1
                waiting.append(link.file)
    return clicks
