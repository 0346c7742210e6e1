"""Settings are layered, and what is impossible is refused with its path, its value and the way out."""

import shutil
from pathlib import Path

import pytest
import yaml

from conf.layers import read_yaml
from conf.settings import CONF, load, load_target, projects, target_names
from tasks.errors import SettingsError, UnknownProject
from tasks.optimization.recipes import plan


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of projects of the test's own, with one project in it."""
    monkeypatch.setenv("FARRIER_PROJECTS", str(tmp_path))
    project = {"data": {"source": {"kind": "synthetic"}}, "targets": {"cpu-server": {}}, "training": {"seed": 5}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(project))
    return tmp_path


@pytest.mark.parametrize("project", sorted(file.stem for file in (CONF / "projects").glob("*.yaml")))
@pytest.mark.parametrize("profile", sorted(file.stem for file in (CONF / "profiles").glob("*.yaml")))
def test_every_project_is_valid_under_every_profile(project: str, profile: str) -> None:
    settings = load(project, profile=profile)
    assert settings.project == project
    assert plan(settings.optimization, settings.training.families, None)


@pytest.mark.parametrize("name", target_names())
def test_every_target_is_valid(name: str) -> None:
    assert load_target(name).name == name


def test_precedence_is_environment_then_command_line_then_project(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load("mine").training.seed == 5
    assert load("mine", ["training.seed=6"]).training.seed == 6
    monkeypatch.setenv("FARRIER__TRAINING__SEED", "7")
    assert load("mine", ["training.seed=6"]).training.seed == 7


def test_the_profile_lies_between_the_stages_and_the_project(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of_the_stages = read_yaml(CONF / "training.yaml")["trials"]
    conf = shutil.copytree(CONF, mine / "conf")
    (conf / "profiles" / "mine.yaml").write_text("training: {trials: 99, seed: 1}")
    monkeypatch.setattr("conf.settings.CONF", conf)
    assert load("mine").training.trials == of_the_stages != 99
    training = load("mine", profile="mine").training
    assert (training.trials, training.seed) == (99, 5)
    monkeypatch.setenv("FARRIER_PROFILE", "mine")
    assert load("mine").training.trials == 99


def test_naming_the_kind_of_a_column_keeps_what_else_is_declared(mine: Path) -> None:
    project = yaml.safe_load((mine / "mine.yaml").read_text())
    project["data"]["columns"] = {"age": {"low": 0, "high": 120}}
    (mine / "mine.yaml").write_text(yaml.safe_dump(project))
    age = load("mine", ["data.columns.age.kind=number"]).data.columns["age"]
    assert (age.kind, age.low, age.high) == ("number", 0, 120)


def test_another_kind_of_plug_in_starts_afresh(mine: Path) -> None:
    split = load("mine", ["data.split={kind: group, column: x0}"]).data.split
    assert split.model_dump() == {"kind": "group", "column": "x0", "validation": 0.2, "test": 0.2}


@pytest.mark.parametrize("option", [
    "tracking.uri=postgresql://farrier:hunter2@db/mlflow",
    "data.source={kind: file, path: 'https://me:hunter2@example.org/rows.csv'}",
    "data.source={kind: file, path: 'zip://rows.csv::ftp://me:hunter2@example.org/rows.zip'}",
    "data.source={kind: file, path: 'https://hunter2@example.org/rows.csv'}",
    "data.source={kind: idx, images: 'ftp://me:hunter2@example.org/i', labels: l}",
    "data.source={kind: file, pth: 'https://me:hunter2@example.org/rows.csv'}",
])
def test_a_password_in_an_address_is_refused_and_not_shown(mine: Path, option: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load("mine", [option])
    assert "hunter2" not in str(refused.value)
    assert "environment" in str(refused.value) or "pth" in str(refused.value)


@pytest.mark.parametrize("address", ["postgresql://farrier@db:5432/mlflow", "http://localhost:5000", "sqlite:////a/b.db"])
def test_an_address_without_a_password_is_fine(mine: Path, address: str) -> None:
    assert load("mine", [f"tracking.uri={address}"]).tracking.uri == address


def test_a_schedule_is_one_of_both(mine: Path) -> None:
    schedules = load("mine", ["schedules=[{name: a, cron: '0 3 * * 1-5'}, {name: b, every_s: 60}]"]).schedules
    assert [schedule.name for schedule in schedules] == ["a", "b"]


def test_a_chain_with_an_unknown_key_has_one_fault(mine: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        load("mine", ["optimization.recipes=[{name: x, chain: [{kind: keep, foo: 1}]}]"])
    assert str(refused.value).splitlines() == [
        "the command line: optimization.recipes.0.chain.0.foo = 1 is not a known key. Known here: kind"]


def test_a_target_takes_the_changes_of_its_project(mine: Path) -> None:
    settings = load("mine", ["targets.cpu-tiny.budgets.size_bytes=123"])
    assert [target.name for target in settings.targets] == ["cpu-server", "cpu-tiny"]
    assert settings.targets[1].budgets.size_bytes == 123
    assert settings.targets[1].budgets.latency_p99_ms == load_target("cpu-tiny").budgets.latency_p99_ms


@pytest.mark.parametrize(("option", "words"), [
    ("training.trails=3", ["training.trails = 3", "Did you mean trials?", "command line"]),
    ("training.families=[{kind: mlp, hiden: [3]}]", ["training.families.0.hiden", "Did you mean hidden?"]),
    ("training.families=[{kind: mlpp}]", ["mlpp", "'mlp'"]),
    ("training.seed=x", ["training.seed = 'x'", "integer"]),
    ("dta.x=1", ["dta", "Did you mean data?"]),
    ("targets.cpu-tiny.budgets.size_byte=3", ["size_byte = 3", "Did you mean size_bytes?"]),
    ("targets.gpu-huge={}", ["gpu-huge", "cpu-tiny"]),
    ("targets=[cpu-tiny]", ["targets", "mapping"]),
    ("targets.cpu-tiny=3", ["targets.cpu-tiny = 3", "mapping"]),
    ("schedules=[{name: a}]", ["schedules.0", "either cron or every_s"]),
    ("schedules=[{name: a, cron: '0 3 * * *', every_s: 60}]", ["schedules.0", "either cron or every_s"]),
    ("schedules=[{name: a, cron: 'at noon'}]", ["schedules.0.cron = 'at noon'", "five fields"]),
    ("schedules=[{name: a, every_s: 99999999999}]", ["schedules.0.every_s = 99999999999", "31622400"]),
    ("nonsense", ["nonsense", "key=value"]),
    ("data=3", ["data = 3", "mapping of keys", "source"]),
    ("profile=production", ["the command line: profile is no setting", "--profile production"]),
    ("project=../elsewhere", ["the command line: project is no setting"]),
    ("targets.cpu-tiny.name=other", ["targets.cpu-tiny.name is no setting"]),
    ("tracking.pages='http://ann:secret@host'", ["tracking.pages = 'http://…@host'", "no password"]),
    ("tracking.uri='https://host/?X-Amz-Signature=ab12'", ["?X-Amz-Signature=…", "no signature or token"]),
])
def test_what_is_wrong_is_named_with_the_way_out(mine: Path, option: str, words: list[str]) -> None:
    with pytest.raises(SettingsError) as refused:
        load("mine", [option])
    for word in words:
        assert word in str(refused.value)


def test_an_unknown_key_in_the_environment_is_refused(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARRIER__TRAINING__SEEED", "7")
    with pytest.raises(SettingsError, match=r"the environment: training\.seeed = 7 .* Did you mean seed"):
        load("mine")


def test_an_unknown_project_names_those_that_exist() -> None:
    with pytest.raises(UnknownProject, match=r"breast-cancer, digits.* Did you mean digits"):
        load("digit")


def test_an_unknown_profile_names_those_that_exist() -> None:
    with pytest.raises(SettingsError, match="local"):
        load("digits", profile="nowhere")


def test_a_file_that_is_no_yaml_is_named(mine: Path) -> None:
    (mine / "broken.yaml").write_text("data: [unclosed")
    with pytest.raises(SettingsError, match=r"broken\.yaml is not valid YAML"):
        load("broken")


def test_a_file_that_is_no_text_is_named(mine: Path) -> None:
    (mine / "latin.yaml").write_bytes("description: Käufer".encode("latin-1"))
    with pytest.raises(SettingsError, match=r"latin\.yaml cannot be read: .* UTF-8"):
        load("latin")


@pytest.mark.parametrize("key", ["project", "profile"])
def test_what_names_a_project_or_profile_is_no_setting_in_any_layer(mine: Path, monkeypatch: pytest.MonkeyPatch,
                                                                    key: str) -> None:
    monkeypatch.setenv(f"FARRIER__{key.upper()}", "production")
    with pytest.raises(SettingsError, match=f"the environment: {key} is no setting"):
        load("mine")
    monkeypatch.delenv(f"FARRIER__{key.upper()}")
    file = mine / "mine.yaml"
    file.write_text(f"{file.read_text()}\n{key}: production\n")
    with pytest.raises(SettingsError, match=rf"mine\.yaml: {key} is no setting"):
        load("mine")


def test_projects_of_ones_own_stand_beside_the_embedded(mine: Path) -> None:
    assert {"mine", "digits", "breast-cancer"} <= set(projects())


def test_a_project_that_was_half_written_is_none(mine: Path) -> None:
    (mine / ".mine-x1.yaml").write_text("data: [")
    assert not [name for name in projects() if name.startswith(".")]
