"""Live rows in the source's own spelling are read as training read them: nothing of it looks new, nothing drifts."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from serving.inputs import feeds
from serving.rows import csv_rows
from tasks.data.collection import collect
from tasks.data.features import typed
from tasks.data.preparation import load, prepare
from tasks.data.settings import DataSettings
from tasks.monitoring.drift import compare
from tasks.records import PreparedData
from tasks.store import Store

MARKED = {"missing": ["?", "-999"], "strip_spaces": True}
GERMAN = {"missing": ["", "k.A."], "decimal": ",", "thousands": ".", "delimiter": ";"}


def written(numbers: list[str], *, delimiter: str = ",", rows: int = 240) -> str:
    """Rows of a number, a text, a count that is a label, a truth, and the answer; every seventh text is missing."""
    file = io.StringIO()
    out = csv.writer(file, delimiter=delimiter)
    out.writerow(["income", "town", "rooms", "garden", "sold"])
    for n in range(rows):
        town = ("?" if delimiter == "," else "k.A.") if n % 7 == 0 else (" Bern", "Chur ", "1.0")[n % 3]
        out.writerow([numbers[n % len(numbers)], town, ("1", "2")[n % 2], ("True", "False")[n % 3 == 0],
                      ("no", "yes")[n // 2 % 2]])
    return file.getvalue()


CASES = [(written(["1234.5", "7", "-999", "-999.0"]), MARKED),
         (written(["1.234,5", "7", "k.A.", "0,25"], delimiter=";"), GERMAN)]


def prepared_from(path: Path, store: Store, source: dict[str, Any], **settings: Any) -> PreparedData:
    given = {"source": {"kind": "file", "path": str(path), **source}, **settings}
    made = DataSettings.model_validate(given)
    return prepare(collect(made, store), made, store)


def asked(path: Path, schema: dict[str, Any]) -> dict[str, Any]:
    """The inputs that a server makes of the file's texts."""
    with path.open(encoding="utf-8", newline="") as stream:
        names, rows = csv_rows(stream, [column["name"] for column in schema["columns"]])
        read = [row.values for row in rows]  # noqa: PD011  a Row, not a frame
    return feeds(schema, {name: [row[name] for row in read] for name in names})


def trained_on(prepared: PreparedData, store: Store) -> pd.DataFrame:
    """Every row of the source as models read it, in the source's order."""
    sides = [load(part, store) for part in (prepared.train, prepared.validation, prepared.test)]
    return typed(pd.concat(sides).sort_values("row", ignore_index=True), prepared.data_schema)


@pytest.mark.parametrize(("content", "source"), CASES, ids=["marked", "german"])
def test_a_servers_inputs_are_those_of_training(content: str, source: dict[str, Any], store: Store,
                                                tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(content, encoding="utf-8")
    prepared = prepared_from(path, store, source, target="sold", columns={"rooms": {"kind": "category"}})
    given = asked(path, prepared.data_schema.model_dump(mode="json"))
    for name, values in trained_on(prepared, store).items():
        np.testing.assert_array_equal(given[str(name)].ravel(), values.to_numpy(), err_msg=str(name))


def test_what_is_stripped_in_training_is_stripped_in_serving(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("share,town,sold\n" + "".join(f"{n % 50} %,{'AB'[n % 2]}.,{['no', 'yes'][n % 3 % 2]}.\n"
                                                  for n in range(240)), encoding="utf-8")
    prepared = prepared_from(path, store, {}, target="sold", columns={
        "share": {"strip": " %"}, "town": {"strip": "."}, "sold": {"strip": "."}})
    assert prepared.data_schema.classes == ("no", "yes")
    assert [column.kind for column in prepared.data_schema.columns] == ["number", "category"]
    given = asked(path, prepared.data_schema.model_dump(mode="json"))
    for name, values in trained_on(prepared, store).items():
        np.testing.assert_array_equal(given[str(name)].ravel(), values.to_numpy(), err_msg=str(name))
    assert set(given["town"].ravel()) == {"A", "B"}


def test_values_of_json_are_spelled_as_the_file_spelled_them(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(CASES[0][0], encoding="utf-8")
    prepared = prepared_from(path, store, MARKED, target="sold", columns={"rooms": {"kind": "category"}})
    schema = json.loads(prepared.data_schema.model_dump_json())
    given = feeds(schema, {"income": [-999, 7, None], "town": ["Bern", None, "?"], "rooms": [1, 1.0, "2.0"],
                           "garden": [True, False, None]})
    np.testing.assert_array_equal(given["income"].ravel(), [np.nan, 7, np.nan])
    assert given["town"].ravel().tolist() == ["Bern", "", ""]
    assert given["rooms"].ravel().tolist() == ["1", "1", "2"]
    assert given["garden"].ravel().tolist() == ["True", "False", ""]


def test_rows_of_the_training_file_are_no_drift(store: Store, real_data: Path, tmp_path: Path) -> None:
    """Adult writes a missing value as a question mark, in three columns and 5 % of the rows."""
    lines = (real_data / "adult-train.csv").read_text().splitlines()[:3000]
    names = ("age,workclass,fnlwgt,education,years,marital,occupation,relation,race,sex,gain,loss,hours,country,income")
    path = tmp_path / "adult.csv"
    path.write_text("\n".join([names, *filter(None, lines)]) + "\n")
    prepared = prepared_from(path, store, {"missing": ["?"]}, target="income")
    given = asked(path, prepared.data_schema.model_dump(mode="json"))
    live = pd.DataFrame({name: array.ravel() for name, array in given.items()})
    found = compare(json.loads(store.fetch(prepared.profile).read_bytes()), live)
    assert not [column for column in found.columns if column.drifted]
