"""Every accepted form of a time is read back as that time."""

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_export.data.ingestion.reader import read_sessions
from tests.model_export.data.ingestion.preparing import Row, write_csv

MOMENTS = st.lists(st.datetimes(datetime(1990, 1, 2), datetime(2100, 1, 1)), min_size=1, max_size=40, unique=True)
ZONES = [timezone(timedelta(minutes=minutes)) for minutes in (0, 60, -210, 345, -720, 840)]


def micros(moment: datetime) -> int:
    return (moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


FORMS: dict[str, Callable[[datetime, int], str]] = {
    "ISO 8601": lambda moment, _: moment.isoformat(),
    "space and zone": lambda moment, n: str(moment.replace(tzinfo=UTC).astimezone(ZONES[n % len(ZONES)])),
    "basic": lambda moment, n: (
        moment.replace(tzinfo=UTC).astimezone(ZONES[n % len(ZONES)]).strftime("%Y%m%dT%H%M%S.%f%z")
    ),
    "BigQuery": lambda moment, _: f"{moment:%Y-%m-%d %H:%M:%S.%f} UTC",
    "decimal seconds": lambda moment, _: f"{micros(moment) // 10**6}.{micros(moment) % 10**6:06}",
    "milliseconds": lambda moment, _: f"{micros(moment) // 1000}.{micros(moment) % 1000:03}",
    "microseconds": lambda moment, _: str(micros(moment)),
    "nanoseconds": lambda moment, _: f"{micros(moment)}000",
    "exponent": lambda moment, _: f"{micros(moment):.15e}",
    "14 digits": lambda moment, _: f"{moment:%Y%m%d%H%M%S}",
}


@pytest.mark.parametrize("form", FORMS)
@settings(deadline=None, max_examples=3)
@given(moments=MOMENTS)
@pytest.mark.slow
def test_a_written_time_is_read_back(form: str, moments: list[datetime]) -> None:
    # GIVEN times in a form, each an item of its own
    rows: list[Row] = [("s", f"i{n}", FORMS[form](moment, n)) for n, moment in enumerate(moments)]
    with tempfile.TemporaryDirectory() as folder:
        # WHEN they are read
        sessions = read_sessions(write_csv(Path(folder) / "e.csv", rows))
    # THEN each is the same to the microsecond
    expected = {f"i{n}": micros(moment) / 1e6 for n, moment in enumerate(moments)}
    if form == "14 digits":
        expected = {item: float(int(time)) for item, time in expected.items()}
    times = dict(zip((sessions.catalogue[code] for code in sessions.codes), sessions.times.tolist(), strict=True))
    assert times == pytest.approx(expected, rel=0, abs=6e-7)
