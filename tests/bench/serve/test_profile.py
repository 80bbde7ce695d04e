"""Samples of a profiler, by the part of a request that they belong to."""

from bench.serve.profile import shares_of

HTTP = "run (/venv/uvicorn/server.py:60);_call (/functions/container/api.py:80)"
SERVICE = f"{HTTP};answer (/functions/calls.py:50);append_events (/functions/nextitem/service/recommender.py:90)"
ENGINE = f"{SERVICE};top (/functions/nextitem/model/engine.py:120)"
SAMPLES = [
    f"{HTTP} 10",
    f"{SERVICE} 5",
    f"{ENGINE};run (/venv/onnxruntime/capi/onnxruntime_inference_collection.py:300) 50",
    f"{SERVICE};append (/functions/nextitem/sessions/valkey_store.py:130);send (/venv/redis/connection.py:900) 20",
    f"{SERVICE};parse (/functions/nextitem/service/schema/parsing.py:30) 10",
    f"{HTTP};emit (/functions/nextitem/telemetry/record.py:200) 4",
    "main (/somewhere/else.py:1) 1",
]


def test_a_sample_belongs_to_its_innermost_part() -> None:
    assert shares_of(SAMPLES) == {
        "engine": 0.5,
        "session store": 0.2,
        "HTTP server": 0.1,
        "JSON and checks": 0.1,
        "ranking and rules": 0.05,
        "telemetry": 0.04,
        "other": 0.01,
    }


def test_without_samples_there_are_no_shares() -> None:
    assert shares_of([]) == {}
    assert shares_of([""]) == {}
