from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from tasks.deployment.noninferiority import (
    bounds,
    chance_to_pass,
    critical_value,
    passing_limits,
    score,
    size,
    upper_bound,
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[int, int, int]:
    rows = draw(st.integers(5, 400))
    lost = draw(st.integers(0, rows))
    return lost, draw(st.integers(0, rows - lost)), rows


def test_gives_the_statistic_and_the_limit_of_tangos_example() -> None:
    """Tango (1998), section 6.1: soft contact lenses, 43 both, 0 new only, 1 standard only, 0 neither."""
    assert float(score(1, 0, 44, 0.1)) == pytest.approx(-1.709, abs=5e-4)
    assert stats.norm.cdf(float(score(1, 0, 44, 0.1))) == pytest.approx(0.044, abs=5e-4)
    assert upper_bound(1, 0, 44, 1.645) == pytest.approx(0.096, abs=5e-4)


@pytest.mark.parametrize(("lost", "gained", "rows", "critical", "low", "high"), [
    (1, 7, 21, 1.959964, -0.5172, -0.0260),  # airway hyper-responsiveness, Bentur and others (2009)
    (6, 16, 161, 1.959964, -0.1240, -0.0054),  # complete response, Cavo and others (2012)
    (48, 41, 549, 1.644854, -0.0157, 0.0414),  # PropCIs::scoreci.mp of R, 90 %
])
def test_agrees_with_other_implementations(
    lost: int, gained: int, rows: int, critical: float, low: float, high: float
) -> None:
    assert upper_bound(lost, gained, rows, critical) == pytest.approx(high, abs=5e-5)
    assert -upper_bound(gained, lost, rows, critical) == pytest.approx(low, abs=5e-5)


@pytest.mark.parametrize(("lost", "gained", "rows", "drop"), [(3, 2, 60, 0.05), (10, 1, 80, 0.2), (0, 4, 30, 0.1)])
def test_the_variance_is_that_of_the_restricted_maximum_likelihood(
    lost: int, gained: int, rows: int, drop: float
) -> None:
    def surprise(q: float) -> float:
        return -(lost * np.log(q + drop) + gained * np.log(q) + (rows - lost - gained) * np.log(1 - 2 * q - drop))

    q = optimize.minimize_scalar(surprise, bounds=(1e-12, (1 - drop) / 2 - 1e-12), method="bounded",
                                 options={"xatol": 1e-12}).x
    expected = (lost - gained - rows * drop) / np.sqrt(rows * (2 * q + drop - drop**2))
    assert float(score(lost, gained, rows, drop)) == pytest.approx(expected, rel=1e-4)


# a drop below a row in 10^9 is no drop; far below it, its square is nothing to a float
@given(tables(), st.floats(-0.9, 0.9).filter(lambda drop: drop == 0 or abs(drop) > 1e-9))
def test_swapping_the_models_turns_the_sign(table: tuple[int, int, int], drop: float) -> None:
    lost, gained, rows = table
    assert float(score(lost, gained, rows, drop)) == pytest.approx(-float(score(gained, lost, rows, -drop)), abs=1e-6)


@given(tables())
def test_a_bound_lies_between_what_was_seen_and_one(table: tuple[int, int, int]) -> None:
    lost, gained, rows = table
    assert (lost - gained) / rows <= upper_bound(lost, gained, rows, 1.645) <= 1


@given(tables())
def test_one_row_more_lost_raises_the_bound_and_one_more_gained_lowers_it(table: tuple[int, int, int]) -> None:
    lost, gained, rows = table
    here = upper_bound(lost, gained, rows, 1.645)
    if lost + gained < rows:
        assert upper_bound(lost + 1, gained, rows, 1.645) > here - 1e-9
        assert upper_bound(lost, gained + 1, rows, 1.645) < here + 1e-9


@given(st.integers(0, 60), st.integers(0, 60))
def test_more_discordance_at_the_same_drop_raises_the_bound(lost: int, gained: int) -> None:
    assert upper_bound(lost + 1, gained + 1, 300, 1.645) > upper_bound(lost, gained, 300, 1.645)


@pytest.mark.parametrize(("rows", "margin"), [(30, 0.1), (170, 0.03), (450, 0.02), (450, 0.01)])
def test_no_model_at_the_margin_passes_more_often_than_allowed(rows: int, margin: float) -> None:
    shares = np.concatenate([np.linspace(0, (1 - margin) / 2, 700), np.linspace(0, 20 / rows, 500)])
    worst = max(chance_to_pass(rows, margin, 0.95, q + margin, q) for q in shares[shares <= (1 - margin) / 2])
    assert 0.03 < worst <= 0.05


def test_the_normal_critical_value_would_pass_too_many() -> None:
    """Why the exact one is there: without it, six in a hundred of the models at the margin pass."""
    assert size(450, 0.01, 1.645) > 0.06
    assert critical_value(450, 0.01, 0.95) > 1.65


@pytest.mark.parametrize(("lost_rate", "gained_rate"), [(0.1, 0.0), (0.15, 0.05), (0.3, 0.2), (0.0, 0.0)])
def test_the_chance_to_pass_is_the_sum_over_all_tables(lost_rate: float, gained_rate: float) -> None:
    rows, margin = 40, 0.1
    limits = passing_limits(rows, margin, 0.95)
    shares = [lost_rate, gained_rate, 1 - lost_rate - gained_rate]
    total = sum(stats.multinomial.pmf([b, c, rows - b - c], rows, shares)
                for b, c in product(range(rows + 1), repeat=2) if b + c <= rows and b <= limits[c])
    assert chance_to_pass(rows, margin, 0.95, lost_rate, gained_rate) == pytest.approx(total, abs=1e-9)


@settings(max_examples=8, deadline=None)
@given(st.integers(20, 120), st.sampled_from([0.03, 0.1]))
def test_the_bound_and_the_test_say_the_same(rows: int, margin: float) -> None:
    limits = passing_limits(rows, margin, 0.95)
    for gained in range(0, min(rows, 30), 3):
        for lost in range(0, min(rows - gained, 40), 2):
            assert (bounds(lost, gained, rows, margin, 0.95)[1] < margin) == (lost <= limits[gained])


@pytest.mark.parametrize(("rows", "passes"), [(130, False), (147, False), (149, True), (450, True)])
def test_equal_answers_pass_where_there_are_rows_enough_to_say_so(rows: int, passes: bool) -> None:
    """(1 - .02) ** 148 = .0503: so many rows without a loss are what a model at the margin gives once in twenty."""
    assert (bounds(0, 0, rows, 0.02, 0.95)[1] < 0.02) == passes


def test_the_lower_bound_is_above_the_margin_only_for_models_shown_to_be_worse() -> None:
    assert bounds(40, 2, 450, 0.02, 0.95)[0] > 0.02
    assert bounds(14, 2, 450, 0.02, 0.95)[0] < 0.02
    assert size(450, -0.02, critical_value(450, -0.02, 0.95)) <= 0.05
