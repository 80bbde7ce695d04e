"""The estimate of a month's cost, and the command that prints it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_export.cost import prices
from model_export.cost.estimate import (
    FEW_ITEMS,
    MAX_MB,
    SECONDS,
    VCPU_MB,
    Cost,
    Deployment,
    Strategy,
    cost_of,
    hidden_for,
    memory_for,
)
from model_export.training.config import FitConfig
from model_export.training.defaults import DataShape, for_data
from tests.model_export.cli.commandline import done, nextitem

SMALL = Deployment(rps=1.0)


def test_a_line_is_its_price_times_its_use() -> None:
    estimate = cost_of(SMALL)
    assert estimate.requests == SECONDS
    assert estimate.lines["HTTP API"] == pytest.approx(SECONDS * prices.HTTP_API_REQUEST)
    assert estimate.total == pytest.approx(sum(estimate.lines.values()))
    assert estimate.per_million == pytest.approx(estimate.total / (SECONDS / 1e6))


@given(
    st.floats(0.1, 1000), st.floats(1.1, 10), st.sampled_from(["none", "provisioned", "snapstart", "managed-instances"])
)
def test_more_traffic_costs_more_and_less_for_each_request(rps: float, times: float, strategy: Strategy) -> None:
    few = cost_of(replace(SMALL, rps=rps, strategy=strategy))
    many = cost_of(replace(SMALL, rps=rps * times, strategy=strategy))
    assert many.total > few.total
    assert many.per_million < few.per_million * 1.01  # one more kept environment may cost what it saves


def test_each_choice_changes_its_own_lines() -> None:
    def names(cost: Cost) -> set[str]:
        return {name.split(" (")[0] for name in cost.lines}

    plain = cost_of(SMALL)
    assert names(cost_of(replace(SMALL, strategy="provisioned"))) - names(plain) == {"Provisioned concurrency"}
    assert names(cost_of(replace(SMALL, strategy="snapstart"))) - names(plain) == {"SnapStart cache"}
    managed = cost_of(replace(SMALL, strategy="managed-instances"))
    assert names(managed) ^ names(plain) == {"Lambda duration", "Managed instances", "Endpoints for logs and traces"}
    assert "Valkey nodes" in names(cost_of(replace(SMALL, store="nodes")))
    arm = cost_of(replace(SMALL, architecture="arm64"))
    assert arm.lines["Lambda duration"] < plain.lines["Lambda duration"]
    versions = cost_of(replace(SMALL, versions=4))
    assert versions.lines["Custom metrics"] > plain.lines["Custom metrics"]


def test_one_request_a_second_is_traced_and_a_twentieth_of_the_others() -> None:
    assert cost_of(replace(SMALL, rps=0.5)).lines["Traces"] == pytest.approx(0.5 * SECONDS * prices.TRACE)
    assert cost_of(replace(SMALL, rps=101.0)).lines["Traces"] == pytest.approx(6 * SECONDS * prices.TRACE)


def test_managed_instances_are_three_until_their_processors_are_busy() -> None:
    def instances(rps: float) -> int:
        lines = cost_of(replace(SMALL, rps=rps, strategy="managed-instances")).lines
        [count] = (int(name.split("(")[1].split(" x ")[0]) for name in lines if name.startswith("Managed"))
        return count

    assert instances(1.0) == instances(500.0) == 3
    assert instances(5000.0) > 10
    with pytest.raises(ValueError, match="larger instances"):
        cost_of(replace(SMALL, catalogue=10_000_000, strategy="managed-instances"))


def test_memory_is_a_whole_vcpu_or_what_the_catalogue_needs() -> None:
    assert memory_for(1000) == VCPU_MB
    assert VCPU_MB < memory_for(10_000_000) <= MAX_MB
    with pytest.raises(ValueError, match="at most 10,240"):
        memory_for(10**9)


@pytest.mark.parametrize("items", [10, FEW_ITEMS, FEW_ITEMS + 1])
def test_the_hidden_size_is_that_of_a_training_with_defaults(items: int) -> None:
    config = for_data(FitConfig(), DataShape(80_000, 20_000, items))
    assert hidden_for(items) == config.hidden * config.networks
    busy = for_data(FitConfig(), DataShape(400_000, 100_000, items))
    assert hidden_for(items) >= busy.hidden * busy.networks


def test_with_more_events_there_is_no_time_for_wide_networks() -> None:
    config = for_data(FitConfig(), DataShape(300_000, 75_000, FEW_ITEMS))
    assert config.hidden * config.networks < hidden_for(FEW_ITEMS)


def test_a_wider_model_has_longer_snapshots_in_the_store() -> None:
    busy = replace(SMALL, rps=100.0)
    few, many = (cost_of(replace(busy, catalogue=items)).lines for items in (FEW_ITEMS, FEW_ITEMS + 1))
    assert few["Valkey serverless, data"] == pytest.approx(many["Valkey serverless, data"] * 6.2 / 5.2)
    assert few["Valkey serverless, ECPU"] == pytest.approx(many["Valkey serverless, ECPU"] * 10 / 8)


def test_the_command_prints_what_it_computes() -> None:
    estimate = cost_of(Deployment(rps=50, catalogue=40_000))
    document = done("cost", "--rps", "50", "--catalogue", "40000", "--json").document
    assert document["total"] == pytest.approx(estimate.total, abs=0.01)
    assert document["lines"].keys() == estimate.lines.keys()
    text = done("cost", "--rps", "50", "--catalogue", "40000").out
    assert f"{estimate.total:,.2f}" in text
    assert prices.AS_OF in text


def test_the_command_refuses_a_catalogue_that_fits_no_function() -> None:
    assert "a function has at most 10,240" in nextitem("cost", "--catalogue", "1000000000").fault
