"""Keeps the objects of other tests out of the router's garbage collections; a shop with catalogues."""

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nextitem.aws.boto_object_store import BotoObjectStore
from tests.nextitem.service.router_scene import Scene
from tests.nextitem.service.shop_scene import Shop

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture(scope="module", autouse=True)
def _other_objects_are_frozen() -> None:
    gc.collect()
    gc.freeze()


@pytest.fixture
def shop(bucket: BotoObjectStore, s3: "S3Client", demo: Path, tmp_path: Path) -> Iterator[Shop]:
    scene = Scene(bucket, s3, demo, tmp_path)
    yield Shop(scene, bucket)
    scene.join()
