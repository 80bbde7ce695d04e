"""Commands are found in documents, in blocks and in texts."""

import pytest

from tests.docs.documented import Command, commands_in, is_shown_by, is_written_as, unmarked_blocks

PAGE = """
`make run` starts it, `nextitem` alone is no command, nor is `train.csv`; `ONCE=1 make
run` goes over a line.

```sh
make install && . .venv/bin/activate    # once
nextitem prepare a b \\
    --out c
output() { aws x
  aws y; }
aws logs --query 'first
  second'
# a comment
nextitem evaluate a#b
```

```json
{"make run": 1}
```
"""


def test_commands_of_blocks_come_first_and_whole() -> None:
    assert commands_in(PAGE) == [
        Command("make install && . .venv/bin/activate", is_quoted=False),
        Command("nextitem prepare a b --out c", is_quoted=False),
        Command("output() { aws x aws y; }", is_quoted=False),
        Command("aws logs --query 'first second'", is_quoted=False),
        Command("nextitem evaluate a#b", is_quoted=False),
        Command("make run", is_quoted=True),
        Command("ONCE=1 make run", is_quoted=True),
    ]


@pytest.mark.parametrize(
    ("quoted", "is_shown"),
    [
        ("nextitem train", True),
        ("nextitem train --epochs", True),
        ("nextitem COMMAND --out", True),
        ("nextitem train s3://...", True),
        ("nextitem export", False),
        ("nextitem train --batch", False),
        ("nextitem --out train", False),
    ],
)
def test_a_quoted_command_is_shown_by_one_with_its_words_in_order(quoted: str, is_shown: bool) -> None:
    assert is_shown_by(quoted, 'RUN=$(nextitem train "a.csv" --epochs 1 --out run)') == is_shown


@pytest.mark.parametrize(
    ("text", "is_written"),
    [
        ("nextitem prepare a.csv --preset b", True),
        ("nextitem prepare FILE --preset NAME", True),
        ("nextitem split a.csv --preset b", False),
        ("nextitem prepare a.csv --preset b --out c", False),
    ],
)
def test_a_pattern_stands_for_commands_with_other_files_and_names(text: str, is_written: bool) -> None:
    assert is_written_as("nextitem prepare FILE --preset NAME", text) == is_written


def test_a_block_without_a_language_may_hold_no_command() -> None:
    assert unmarked_blocks("```\nnextitem  17:51\nmake run\n```\n```sh\nmake test\n```\n") == ["make run"]
