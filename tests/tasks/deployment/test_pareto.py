from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tasks.deployment.pareto import dominated, tied, tied_with_best
from tasks.records import Artifact, Estimate, Fingerprint, Measurement


def number(value: float) -> Estimate:
    return Estimate(value=value, low=value, high=value, method="made up", n=5)


def measured(name: str, quality: float, cost: float, size: int = 1, rounds: tuple[float, ...] = ()) -> Measurement:
    keys = ("p50_ms", "p99_ms", "throughput_per_s", "cpu_s_per_1000")
    return Measurement(
        candidate=name, target="here", scenario="offline", latency_p50_ms=number(cost), latency_p99_ms=number(cost),
        throughput_per_s=number(1 / cost), cpu_s_per_1000=number(cost), memory_bytes=1, size_bytes=size,
        quality=number(quality), answers=Artifact(uri="file:///none", sha256="0" * 64, size_bytes=1),
        rounds=dict.fromkeys(keys, rounds), evidence="measured", shortened=True,
        fingerprint=Fingerprint(cpu="x", isa=(), cores=1, memory_bytes=1, system="x", versions={}))


def test_worse_in_everything_is_dominated_and_better_in_one_thing_is_not() -> None:
    figures = [measured("best", 0.9, 1), measured("worse", 0.8, 2), measured("small", 0.8, 2, size=0)]
    assert dominated(figures, higher_is_better=True) == {"worse"}


def test_quality_counts_in_its_own_direction() -> None:
    figures = [measured("a", 0.9, 1), measured("b", 0.8, 1)]
    assert dominated(figures, higher_is_better=True) == {"b"}
    assert dominated(figures, higher_is_better=False) == {"a"}


def test_twins_do_not_dominate_each_other() -> None:
    assert dominated([measured("a", 0.9, 1), measured("b", 0.9, 1)], higher_is_better=True) == frozenset()
    assert dominated([], higher_is_better=True) == frozenset()


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.1, 9)), min_size=1, max_size=8))
def test_the_front_is_never_empty_and_beats_all_others(points: list[tuple[float, float]]) -> None:
    figures = [measured(str(i), *point) for i, point in enumerate(points)]
    beaten = dominated(figures, higher_is_better=True)
    front = [m for m in figures if m.candidate not in beaten]
    assert front
    for m in figures:
        assert any(f.quality.value >= m.quality.value and f.cpu_s_per_1000.value <= m.cpu_s_per_1000.value
                   for f in front)


def test_the_difference_round_by_round_decides_a_tie() -> None:
    """Both scatter alike with the machine; the difference of each round is steady, so it is seen."""
    noise = (1.0, 5.0, 2.0, 8.0, 3.0)
    one, other = (measured(name, 1, 1, rounds=tuple(x + more for x in noise)) for name, more in (("a", 0), ("b", 0.1)))
    apart = measured("c", 1, 1, rounds=(5.0, 1.0, 8.0, 2.0, 3.3))
    assert not tied(one, other, "cpu_s_per_1000")
    assert tied(one, apart, "cpu_s_per_1000")
    assert tied(one, one, "latency_p50_ms")


def test_rounds_that_are_missing_or_do_not_pair_show_no_tie() -> None:
    assert not tied(measured("a", 1, 1), measured("b", 1, 1), "cpu_s_per_1000")
    assert not tied(measured("a", 1, 1, rounds=(1, 2)), measured("b", 1, 1, rounds=(1, 2, 3)), "cpu_s_per_1000")


def test_sizes_tie_when_equal() -> None:
    assert tied(measured("a", 1, 1, size=5), measured("b", 1, 2, size=5), "size_bytes")
    assert not tied(measured("a", 1, 1, size=5), measured("b", 1, 1, size=6), "size_bytes")


def test_the_best_is_tied_with_itself_and_nothing_with_nothing() -> None:
    assert tied_with_best([measured("a", 1, 2), measured("b", 1, 1)], "cpu_s_per_1000") == ("b",)
    assert tied_with_best([], "cpu_s_per_1000") == ()
