"""The audit log keeps each entry, in the order of its times."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from model_export.experiments.audit import AuditEntry, read_audit, record_change, write_audit
from nextitem.errors import InputError, RegistryError, RegistryUnavailable
from nextitem.registry.route import Route, Variant
from nextitem.registry.verdicts import Verdict, verdict_key, write_verdict
from tests.nextitem.memory_bucket import MemoryBucket

AT = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


def test_entries_of_a_route_are_kept_in_the_order_of_their_times() -> None:
    # GIVEN entries in three routes, two of the same moment, one written in another time zone
    bucket = MemoryBucket()
    later = AuditEntry(AT + timedelta(seconds=1), "rollback", "by hand")
    forced = AuditEntry(AT, "forced-promotion", "hotfix", {"version": "v1", "verdict": {"passed": False}})
    elsewhere = AuditEntry((AT - timedelta(hours=1)).astimezone(timezone(timedelta(hours=9))), "stop", "night shift")
    keys = [write_audit(bucket, "live", entry) for entry in (later, forced, forced, elsewhere)]
    write_audit(bucket, "live.2", forced)
    # THEN none replaces another
    assert len(set(keys)) == 4
    assert keys[1] == "audit/live/20260131T093000.000000Z-forced-promotion.json"
    # AND the log has them by time, with their details
    found = read_audit(bucket, "live")
    assert [entry.reason for entry in found] == ["night shift", "hotfix", "hotfix", "by hand"]
    assert found[1] == forced


@pytest.mark.parametrize("entry", [AuditEntry(AT, "Forced/../x", ""), AuditEntry(AT.replace(tzinfo=None), "stop", "")])
def test_an_entry_of_another_form_is_refused(entry: AuditEntry) -> None:
    bucket = MemoryBucket()
    with pytest.raises(InputError, match="lower-case words"):
        write_audit(bucket, "live", entry)
    assert not bucket.objects


def test_a_promotion_of_a_version_that_was_judged_by_other_settings_says_so() -> None:
    # GIVEN a verdict by a loss that is not the default, and one by the defaults
    bucket, versions = MemoryBucket(), [f"v{digit * 16}" for digit in "ab"]
    for version, settings in zip(versions, ({"max_loss": 0.2}, {}), strict=True):
        at = AT.isoformat()
        write_verdict(bucket, Verdict(version, None, "live", at, True, "", None, {}, {}, {}, (), settings))
    # WHEN each is promoted THEN the first entry has the setting
    for number, version in enumerate(versions):
        route = Route(1, (Variant("main", version, 1.0),), AT.isoformat())
        record_change(bucket, "live", route, AT + timedelta(days=number), "promotion", "by hand", "ada")
    first, second = read_audit(bucket, "live")
    assert first.details["gate"] == {versions[0]: {"max_loss": 0.2}}
    assert "gate" not in second.details
    # AND a damaged verdict does not hold the entry up: the route is changed already
    bucket.objects[verdict_key(versions[0])] = b"{}"
    route = Route(1, (Variant("main", versions[0], 1.0),), AT.isoformat())
    record_change(bucket, "live", route, AT + timedelta(days=2), "promotion", "by hand", "ada")
    assert "gate" not in read_audit(bucket, "live")[-1].details


def test_a_damaged_entry_is_named() -> None:
    bucket = MemoryBucket()
    key = write_audit(bucket, "live", AuditEntry(AT, "stop", "over"))
    bucket.objects[key] = b"{}"
    with pytest.raises(RegistryError, match=key):
        read_audit(bucket, "live")


def test_an_entry_that_cannot_be_written_says_that_the_route_has_changed() -> None:
    # GIVEN a bucket that refuses writes after the route has changed
    bucket = MemoryBucket()

    def refuse(key: str) -> None:
        raise RegistryUnavailable(f"{key}: access denied")

    bucket.after_write = refuse
    route = Route(7, (Variant("main", f"v{'a' * 16}", 1.0),), AT.isoformat())
    # THEN the error of the entry is no error of the change
    with pytest.raises(RegistryUnavailable, match=r"live has changed \(revision 7\), but its audit log has no"):
        record_change(bucket, "live", route, AT, "promotion", "by hand", "ada")
