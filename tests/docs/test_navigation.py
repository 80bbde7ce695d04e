"""From the README alone, a reader finds each answer in at most three clicks."""

import pytest

from tests.building import ROOT
from tests.docs.links import clicks_from, sections

CLICKS = clicks_from(ROOT / "README.md")
MAX_CLICKS = 3
ANSWERS = {
    "load an own export": ("docs/howto/own-export.md", "Load your own export", "nextitem split"),
    "deploy": ("docs/deploying.md", "Deploying", "sam deploy"),
    "roll back": ("docs/howto/upgrades.md", "Roll a model back", "nextitem rollback"),
    "how an event is deduplicated": ("docs/guarantees.md", "Promised", "A repeated `event_id` changes nothing"),
    "what it costs": ("docs/howto/costs.md", "What it costs", "for a million requests"),
}
"""By question: the page, its heading, and words of the answer below it."""
PAGES = [path for path in sorted((ROOT / "docs").rglob("*.md")) if path.parent.name != "decisions"]


@pytest.mark.parametrize("question", ANSWERS)
def test_a_question_is_answered_in_three_clicks(question: str) -> None:
    page, title, words = ANSWERS[question]
    assert CLICKS[ROOT / page] <= MAX_CLICKS
    assert any(section.title == title and words in section.text for section in sections(ROOT / page))


def test_every_page_is_within_three_clicks() -> None:
    assert [str(page.relative_to(ROOT)) for page in PAGES if CLICKS.get(page, MAX_CLICKS + 1) > MAX_CLICKS] == []
