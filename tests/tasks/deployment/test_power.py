from __future__ import annotations

import numpy as np
import pytest

from tasks.deployment.noninferiority import chance_to_pass, passing_limits
from tasks.deployment.power import planned_power, planned_power_of_mean, rows_needed, rows_needed_of_mean

ASK = {"test_rows": 450, "margin": 0.02, "level": 0.95}
PLAN = {"drop": 0.0, "level": 0.95, "power": 0.8}


def test_power_is_the_share_of_simulated_tests_that_pass() -> None:
    tables = np.random.default_rng(0).multinomial(450, [2.5 / 361, 1.5 / 361, 1 - 4 / 361], 20_000)
    passed = (tables[:, 0] <= passing_limits(450, 0.02, 0.95)[tables[:, 1]]).mean()
    assert planned_power(2, 1, 360, **ASK) == pytest.approx(passed, abs=0.01)


def test_no_discordance_on_few_rows_is_not_taken_for_none() -> None:
    few, many = planned_power(0, 0, 20, **ASK), planned_power(0, 0, 5000, **ASK)
    assert few < 0.8 < 0.99 < many


@pytest.mark.parametrize(("validation", "test", "margin"), [(114, 170, 0.03), (250, 170, 0.03), (360, 450, 0.02)])
def test_an_equal_model_is_let_through_on_few_rows(validation: int, test: int, margin: float) -> None:
    assert planned_power(0, 0, validation, test_rows=test, margin=margin, level=0.95) >= 0.8
    assert planned_power(3, 0, validation, test_rows=test, margin=margin, level=0.95) < 0.8


def test_each_loss_costs_power() -> None:
    powers = [planned_power(lost, 1, 250, **ASK) for lost in range(6)]
    assert powers == sorted(powers, reverse=True)


@pytest.mark.parametrize(("rows", "test_rows"), [(0, 450), (250, 0)])
def test_there_is_no_power_without_rows(rows: int, test_rows: int) -> None:
    assert planned_power(0, 0, rows, test_rows=test_rows, margin=0.02, level=0.95) == 0


@pytest.mark.parametrize("margin", [0.01, 0.02, 0.03])
@pytest.mark.parametrize("discordance", [0.0, 0.01, 0.03])
def test_the_rows_needed_do_and_far_fewer_do_not(margin: float, discordance: float) -> None:
    rows = rows_needed(discordance, margin=margin, **PLAN)
    power = [chance_to_pass(n, margin, 0.95, discordance / 2, discordance / 2) for n in (rows, int(rows * 0.85))]
    assert power[0] >= 0.8 > power[1]


def test_a_finer_margin_more_discordance_and_a_drop_need_more_rows() -> None:
    here = rows_needed(0.02, margin=0.02, **PLAN)
    assert rows_needed(0.02, margin=0.01, **PLAN) > here
    assert rows_needed(0.05, margin=0.02, **PLAN) > here
    assert rows_needed(0.02, margin=0.02, **PLAN | {"drop": 0.01}) > here


def test_many_rows_are_planned_without_an_endless_search() -> None:
    assert rows_needed(0.05, margin=0.0005, **PLAN) == pytest.approx(0.05 * (2.486 / 0.0005) ** 2, rel=0.02)


def test_power_of_a_mean_is_that_of_the_normal_test() -> None:
    ask = {"margin": 0.1, "level": 0.95}
    assert planned_power_of_mean(0.0, 1.0, 500, test_rows=619, **ask) == pytest.approx(0.8, abs=0.002)
    assert rows_needed_of_mean(1.0, margin=0.1, **PLAN) == 619
    assert planned_power_of_mean(0.0, 0.0, 500, test_rows=200, **ask) == 1
    assert planned_power_of_mean(0.1, 0.0, 500, test_rows=200, **ask) == 0
    assert planned_power_of_mean(0.0, 0.0, 500, test_rows=0, **ask) == 0


def test_rows_alike_rule_out_a_drop_of_the_margin_only_when_there_are_enough() -> None:
    ask = {"margin": 0.02, "level": 0.95, "worst": 1.0}
    assert planned_power_of_mean(0.0, 0.0, 500, test_rows=149, **ask) == 0
    assert planned_power_of_mean(0.0, 0.0, 500, test_rows=2000, **ask) > 0.99
    assert rows_needed_of_mean(0.0, margin=0.02, worst=1.0, **PLAN) == 150
