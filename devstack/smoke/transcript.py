"""The record of a run: one line for each step, on the screen and in a file, while it happens."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO


class Transcript:
    """Writes lines with the seconds since the start.

    Args:
        path: of the file, which is complete after each line.
        screen: receives the same lines.
        now: the clock, in seconds.
    """

    def __init__(self, path: Path, screen: TextIO, now: Callable[[], float] = time.monotonic) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w", encoding="utf-8")
        self.path = path
        self._screen = screen
        self._now = now
        self._started = now()

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return self._now() - self._started

    def say(self, text: str) -> None:
        """Write a line."""
        line = f"{self.seconds:7.1f} s  {text}\n"
        for stream in (self._file, self._screen):
            stream.write(line)
            stream.flush()

    def bill(self, lines: Mapping[str, float], as_of: str) -> None:
        """Write the estimated bill, in US dollars."""
        self.say(f"estimated bill at list prices of us-east-1, {as_of}, without free tiers:")
        for name, dollars in lines.items():
            self.say(f"  ${dollars:8.4f}  {name}")
        self.say(f"  ${sum(lines.values()):8.4f}  total")

    def close(self) -> None:
        """Close the file."""
        self._file.close()
