"""Contracts of object readers and object stores."""

from collections.abc import Callable
from pathlib import Path

import pytest

from nextitem.aws.object_store import ObjectReader, ObjectStore
from nextitem.errors import ObjectTooLarge, RegistryUnavailable

Put = Callable[[str, bytes], None]
KEY = "models/v0123456789abcdef/weights.bin"
MAX = 1 << 24
CONTENTS = [b"", b"tea", bytes(range(256)) * 10_000]


class ObjectReaderContract:
    """Subclasses have fixtures `reader`, `put` (writes an object without the reader) and `unreachable`."""

    @pytest.mark.parametrize("data", CONTENTS, ids=len)
    def test_an_object_is_read_whole(self, reader: ObjectReader, put: Put, data: bytes) -> None:
        put(KEY, data)
        put(KEY + ".other", b"another")
        stored = reader.read(KEY, MAX)
        assert stored is not None
        assert stored.data == data

    @pytest.mark.parametrize("data", CONTENTS, ids=len)
    def test_an_object_is_downloaded_whole(self, reader: ObjectReader, put: Put, tmp_path: Path, data: bytes) -> None:
        put(KEY, data)
        assert reader.download(KEY, tmp_path / "file", lambda: MAX) is True
        assert (tmp_path / "file").read_bytes() == data

    def test_the_entity_tag_depends_on_the_content(self, reader: ObjectReader, put: Put) -> None:
        tags = []
        for data in (b"tea", b"pot", b"tea"):
            put(KEY, data)
            stored = reader.read(KEY, MAX)
            assert stored is not None
            tags.append(stored.etag)
        assert tags[0] == tags[2] != tags[1]
        assert all(tags)

    def test_a_missing_object_is_none(self, reader: ObjectReader, put: Put, tmp_path: Path) -> None:
        put(KEY, b"tea")
        assert reader.read(KEY[:-1], MAX) is None
        assert reader.download(KEY[:-1], tmp_path / "file", lambda: MAX) is False
        assert list(tmp_path.iterdir()) == []

    def test_an_object_over_its_limit_is_not_read(self, reader: ObjectReader, put: Put, tmp_path: Path) -> None:
        put(KEY, b"tea")
        for max_bytes in (2, 0):
            with pytest.raises(ObjectTooLarge, match=f"^{KEY} has 3 bytes; the limit is {max_bytes}$"):
                reader.read(KEY, max_bytes)
            with pytest.raises(ObjectTooLarge, match=f"^{KEY} has 3 bytes; the limit is {max_bytes}$"):
                reader.download(KEY, tmp_path / "file", lambda max_bytes=max_bytes: max_bytes)  # type: ignore[misc]
        assert list(tmp_path.iterdir()) == []
        assert reader.read(KEY, 3) is not None
        assert reader.download(KEY, tmp_path / "file", lambda: 3)

    def test_keys_have_the_prefix_and_are_sorted(self, reader: ObjectReader, put: Put) -> None:
        for key in ("models/b", "routes/live.json", "models/a/2", "models/a/10", "model"):
            put(key, b"")
        assert reader.keys("models/") == ["models/a/10", "models/a/2", "models/b"]
        assert reader.keys("nothing/") == []

    def test_keys_of_other_tools_break_no_list(self, reader: ObjectReader, put: Put) -> None:
        for name in ("", "/", "/x", "./x", "../x", "00000001.json"):
            put(f"routes/history/live/{name}", b"")
        assert reader.keys("routes/history/live/")[-1] == "routes/history/live/00000001.json"

    def test_a_read_from_an_unreachable_bucket_names_the_key(self, unreachable: ObjectReader, tmp_path: Path) -> None:
        with pytest.raises(RegistryUnavailable, match=KEY):
            unreachable.read(KEY, MAX)
        with pytest.raises(RegistryUnavailable, match=KEY):
            unreachable.download(KEY, tmp_path / "file", lambda: MAX)
        with pytest.raises(RegistryUnavailable, match="models/"):
            unreachable.keys("models/")


class ObjectStoreContract:
    """Subclasses have fixtures `writer` (an empty bucket) and `unreachable_writer`."""

    def test_an_object_is_created_only_once(self, writer: ObjectStore) -> None:
        assert writer.create(KEY, b"tea") is True
        assert writer.create(KEY, b"pot") is False
        assert writer.create(KEY, b"tea") is False
        stored = writer.read(KEY, MAX)
        assert stored is not None
        assert stored.data == b"tea"

    def test_a_file_is_created_whole_and_only_once(self, writer: ObjectStore, tmp_path: Path) -> None:
        for number, data in enumerate(CONTENTS):
            path = tmp_path / str(number)
            path.write_bytes(data)
            assert writer.create(path.name, path) is True
            assert writer.create(path.name, path) is False
            stored = writer.read(path.name, MAX)
            assert stored is not None
            assert stored.data == data

    def test_an_object_is_replaced_only_if_it_is_unchanged(self, writer: ObjectStore) -> None:
        # GIVEN an object's entity tag
        writer.create(KEY, b"one")
        read = writer.read(KEY, MAX)
        assert read is not None

        # WHEN it is used twice THEN only the first replaces the object
        assert writer.replace(KEY, b"two", read.etag) is True
        assert writer.replace(KEY, b"three", read.etag) is False
        again = writer.read(KEY, MAX)
        assert again is not None
        assert again.data == b"two"
        assert writer.replace(KEY, b"three", again.etag) is True

    def test_a_missing_object_is_not_replaced(self, writer: ObjectStore) -> None:
        writer.create(KEY, b"tea")
        read = writer.read(KEY, MAX)
        assert read is not None
        assert writer.replace(KEY + ".other", b"pot", read.etag) is False
        assert writer.keys("") == [KEY]

    def test_a_write_to_an_unreachable_bucket_names_the_key(self, unreachable_writer: ObjectStore) -> None:
        with pytest.raises(RegistryUnavailable, match=KEY):
            unreachable_writer.create(KEY, b"tea")
        with pytest.raises(RegistryUnavailable, match=KEY):
            unreachable_writer.replace(KEY, b"tea", '"tag"')
