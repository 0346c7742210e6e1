from __future__ import annotations

import pytest
from pydantic import ValidationError

from tasks.errors import ImpossibleRecipe
from tasks.optimization.recipes import Stage, plan, refusal, techniques_of
from tasks.optimization.settings import OptimizationSettings, RecipeSettings
from tasks.optimization.techniques import Distill, Keep, Prune, Quantize, Trim
from tasks.records import PreparedData
from tasks.training.families import Cnn, Forest, Linear, Mlp

ALL = (Linear(), Forest(), Mlp(), Cnn())


def settings(*chain: str, start: str = "champion") -> OptimizationSettings:
    return OptimizationSettings.model_validate(
        {"recipes": [{"name": "tried", "start": start, "chain": [{"kind": kind} for kind in chain]}]})


@pytest.mark.parametrize(("start", "chain", "why"), [
    ("forrest", ["keep"], "starts from 'forrest', which is not trained here.*forest"),
    ("mlp", ["quantize", "prune"], "prune takes a model as torch, and here it is already onnx.*earlier"),
    ("forest", ["trim", "quantize"], "quantize takes models of the families cnn, mlp, not 'forest'"),
    ("mlp", ["trim"], "trim takes models of the families boosting, forest, not 'mlp'"),
    ("forest", ["prune"], "prune takes models of the families cnn, mlp, not 'forest'"),
    ("forest", ["distill", "trim"], "not 'mlp'"),
    ("cnn", ["quantize", "distill"], "distill takes a model as sklearn or torch, and here it is already onnx"),
])
def test_an_impossible_chain_is_refused(start: str, chain: list[str], why: str) -> None:
    with pytest.raises(ImpossibleRecipe, match=f"recipe 'tried'.*{why}"):
        plan(settings(*chain, start=start), ALL)


@pytest.mark.parametrize(("start", "chain"), [
    ("forest", ["trim"]), ("forest", ["distill", "prune", "quantize"]), ("mlp", ["prune", "quantize", "keep"]),
    ("linear", ["keep"]), ("champion", ["trim"]), ("champion", ["prune"]),
])
def test_a_possible_chain_is_planned(start: str, chain: list[str]) -> None:
    recipe, = plan(settings(*chain, start=start), ALL)
    assert recipe.start == start
    assert [technique.kind for technique in techniques_of(recipe)] == chain


def test_a_chain_that_no_champion_could_take_is_refused() -> None:
    with pytest.raises(ImpossibleRecipe, match="recipe 'tried': trim takes"):
        plan(settings("trim"), (Linear(), Mlp()))


def test_the_rows_decide_too(cancer: PreparedData, digits: PreparedData) -> None:
    chain = [Distill(student="cnn")]
    assert refusal(chain, Stage("torch", "mlp"), digits.data_schema) is None
    assert "does not suit rows" in str(refusal(chain, Stage("torch", "mlp"), cancer.data_schema))
    with pytest.raises(ImpossibleRecipe, match="'cnn', which is not trained here"):
        plan(settings("keep", start="cnn"), ALL, cancer.data_schema)


def test_settings_survive_the_recipe() -> None:
    chain = (Prune(ratio=0.3), Quantize(method="dynamic"), Keep())
    conf = OptimizationSettings.model_validate({"recipes": [{"name": "a", "start": "mlp", "chain": chain}]})
    assert techniques_of(plan(conf, ALL)[0]) == chain


def test_two_recipes_of_one_name_are_refused() -> None:
    twice = [{"name": "a", "chain": [{"kind": "keep"}]}, {"name": "a", "chain": [{"kind": "trim"}]}]
    with pytest.raises(ValidationError, match="a stands twice"):
        OptimizationSettings.model_validate({"recipes": twice})


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(ValidationError, match="shares"):
        Trim.model_validate({"shares": 0.5})


@pytest.mark.parametrize("name", ["", "a b", "a/b", "../a", "it's", "a\n"])
def test_a_name_that_no_file_or_search_takes_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match=r"cannot be called so.*letters, digits"):
        RecipeSettings(name=name, chain=(Keep(),))
    assert RecipeSettings(name="größe_1.5+int-8", chain=(Keep(),))
