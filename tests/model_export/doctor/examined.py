"""The bucket that these tests examine. In one process, all moto servers share their buckets: no other test uses it."""

BUCKET = "examined"
