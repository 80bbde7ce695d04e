"""Find the commands in documents: those of `sh` blocks, in order, and those quoted in a text."""

import re
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = (
    *("make", "python", "nextitem", "torchrun", "pip", "curl", "docker", "aws", "git", "eval", "time", "pre-commit"),
    *("spark-submit", "sam", ".sam-venv/bin/sam", "uv"),
)
"""The first word of a quoted text that is a command, after variables such as `ONCE=1`."""
_BLOCK = re.compile(r"^( *)```sh\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_FENCED = re.compile(r"^( *)```.*?^ *```$", re.DOTALL | re.MULTILINE)
_QUOTED = re.compile(r"`([^`]+)`")
_VARIABLES = re.compile(r"^(?:[A-Z_0-9]+=\S* )*")
_STARTS = re.compile(r"(?:nextitem [a-z]|make [a-z]|python -m |pip install |torchrun |curl -|aws [a-z])")
_COMMENT = re.compile(r"(?:^|\s{2,})#.*$")


@dataclass(frozen=True)
class Command:
    """A command in a document, with single spaces; in a block, or quoted in the text."""

    text: str
    is_quoted: bool


def commands_in(document: str) -> list[Command]:
    """Return the commands of a document in Markdown, in order, each once: blocks first, then quoted ones."""
    blocks = [Command(text, False) for block in _BLOCK.finditer(document) for text in _commands_of(block[2])]
    quoted = [" ".join(text.split()) for text in _QUOTED.findall(_FENCED.sub("", document))]
    return list(dict.fromkeys([*blocks, *(Command(text, True) for text in quoted if _is_command(text))]))


def _commands_of(block: str) -> list[str]:
    """Return the commands of a block; a final backslash, an open quote or an open brace continues one."""
    commands, pending = [], ""
    for line in block.splitlines():
        stripped = _COMMENT.sub("", line).strip()
        pending += stripped.removesuffix("\\").strip() + " "
        if stripped.endswith("\\") or pending.count("'") % 2 or pending.count("{") > pending.count("}"):
            continue
        commands.append(" ".join(pending.split()))
        pending = ""
    return [command for command in commands if command]


def _is_command(text: str) -> bool:
    first, _, rest = _VARIABLES.sub("", text).partition(" ")
    return first in PROGRAMS and bool(rest)


def read(path: Path) -> list[Command]:
    """Return the commands of a file."""
    return commands_in(path.read_text(encoding="utf-8"))


def is_shown_by(quoted: str, run: str) -> bool:
    """Return whether a command that runs has all words of a quoted one in order; capitals and `...` are any words."""
    wanted = [word for word in _words(quoted) if not re.fullmatch(r"[A-Z]+|.*\.\.\.|.*…", word)]
    words = iter(_words(run))
    return all(word in words for word in wanted)


def is_written_as(pattern: str, text: str) -> bool:
    """Return whether a text is a pattern, in which the words FILE and NAME stand for any word."""
    wanted, words = pattern.split(), text.split()
    return len(wanted) == len(words) and all(
        one in ("FILE", "NAME", two) for one, two in zip(wanted, words, strict=True)
    )


def unmarked_blocks(document: str) -> list[str]:
    """Return the lines of blocks without a language that are commands."""
    blocks = re.findall(r"^ *```(\w*)[^\n]*\n(.*?)^ *```$", document, re.DOTALL | re.MULTILINE)
    return [line for kind, block in blocks if not kind for line in block.splitlines() if _STARTS.match(line.strip())]


def _words(command: str) -> list[str]:
    return re.findall(r"[^\s()$;&|\"'=]+", command)
