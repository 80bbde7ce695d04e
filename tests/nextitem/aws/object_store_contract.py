"""Contracts of object readers and object stores."""

from collections.abc import Callable
from pathlib import Path

import pytest

from nextitem.aws.object_store import ObjectReader, ObjectStore
from nextitem.errors import RegistryUnavailable

Put = Callable[[str, bytes], None]
KEY = "models/v0123456789abcdef/weights.bin"
CONTENTS = [b"", b"tea", bytes(range(256)) * 10_000]


class ObjectReaderContract:
    """Subclasses have fixtures `reader`, `put` (writes an object without the reader) and `unreachable`."""

    @pytest.mark.parametrize("data", CONTENTS, ids=len)
    def test_an_object_is_read_whole(self, reader: ObjectReader, put: Put, data: bytes) -> None:
        put(KEY, data)
        put(KEY + ".other", b"another")
        stored = reader.read(KEY)
        assert stored is not None
        assert stored.data == data

    @pytest.mark.parametrize("data", CONTENTS, ids=len)
    def test_an_object_is_downloaded_whole(self, reader: ObjectReader, put: Put, tmp_path: Path, data: bytes) -> None:
        put(KEY, data)
        assert reader.download(KEY, tmp_path / "file") is True
        assert (tmp_path / "file").read_bytes() == data

    def test_the_entity_tag_depends_on_the_content(self, reader: ObjectReader, put: Put) -> None:
        tags = []
        for data in (b"tea", b"pot", b"tea"):
            put(KEY, data)
            stored = reader.read(KEY)
            assert stored is not None
            tags.append(stored.etag)
        assert tags[0] == tags[2] != tags[1]
        assert all(tags)

    def test_a_missing_object_is_none(self, reader: ObjectReader, put: Put, tmp_path: Path) -> None:
        put(KEY, b"tea")
        assert reader.read(KEY[:-1]) is None
        assert reader.download(KEY[:-1], tmp_path / "file") is False
        assert list(tmp_path.iterdir()) == []

    def test_a_read_from_an_unreachable_bucket_names_the_key(self, unreachable: ObjectReader, tmp_path: Path) -> None:
        with pytest.raises(RegistryUnavailable, match=KEY):
            unreachable.read(KEY)
        with pytest.raises(RegistryUnavailable, match=KEY):
            unreachable.download(KEY, tmp_path / "file")


class ObjectStoreContract:
    """Subclasses have fixtures `writer` (an empty bucket) and `unreachable_writer`."""

    def test_an_object_is_created_only_once(self, writer: ObjectStore) -> None:
        assert writer.create(KEY, b"tea") is True
        assert writer.create(KEY, b"pot") is False
        assert writer.create(KEY, b"tea") is False
        stored = writer.read(KEY)
        assert stored is not None
        assert stored.data == b"tea"

    def test_a_file_is_created_whole_and_only_once(self, writer: ObjectStore, tmp_path: Path) -> None:
        for number, data in enumerate(CONTENTS):
            path = tmp_path / str(number)
            path.write_bytes(data)
            assert writer.create(path.name, path) is True
            assert writer.create(path.name, path) is False
            stored = writer.read(path.name)
            assert stored is not None
            assert stored.data == data

    def test_an_object_is_replaced_only_if_it_is_unchanged(self, writer: ObjectStore) -> None:
        # GIVEN an object's entity tag
        writer.create(KEY, b"one")
        read = writer.read(KEY)
        assert read is not None

        # WHEN it is used twice THEN only the first replaces the object
        assert writer.replace(KEY, b"two", read.etag) is True
        assert writer.replace(KEY, b"three", read.etag) is False
        again = writer.read(KEY)
        assert again is not None
        assert again.data == b"two"
        assert writer.replace(KEY, b"three", again.etag) is True

    def test_a_missing_object_is_not_replaced(self, writer: ObjectStore) -> None:
        writer.create(KEY, b"tea")
        read = writer.read(KEY)
        assert read is not None
        assert writer.replace(KEY + ".other", b"pot", read.etag) is False
        assert writer.keys("") == [KEY]

    def test_keys_have_the_prefix_and_are_sorted(self, writer: ObjectStore) -> None:
        for key in ("models/b", "routes/live.json", "models/a/2", "models/a/10", "model"):
            writer.create(key, b"")
        assert writer.keys("models/") == ["models/a/10", "models/a/2", "models/b"]
        assert writer.keys("nothing/") == []

    def test_a_write_to_an_unreachable_bucket_names_the_key(self, unreachable_writer: ObjectStore) -> None:
        for verb in (
            lambda: unreachable_writer.create(KEY, b"tea"),
            lambda: unreachable_writer.replace(KEY, b"tea", '"tag"'),
            lambda: unreachable_writer.keys(KEY),
        ):
            with pytest.raises(RegistryUnavailable, match=KEY):
                verb()
