"""Raw values become the graph's inputs, or an error that names the column, the row and the value."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.inputs import InputError, feeds
from serving.values import text

ROWS = {"input": "rows", "columns": [
    {"name": "id", "kind": "identifier"},
    {"name": "age", "kind": "number"},
    {"name": "job", "kind": "category"},
]}
IMAGE = {"input": "image", "shape": [2, 3], "columns": [
    {"name": f"pixel_{r}_{c}", "kind": "number"} for r in range(2) for c in range(3)]}


def one(kind: str) -> dict[str, object]:
    return {"input": "rows", "columns": [{"name": "x", "kind": kind}]}


def test_each_feature_is_one_input_and_nothing_else() -> None:
    made = feeds(ROWS, {"age": [39, 40], "job": ["smith", "farrier"], "id": [1, 2], "extra": ["x", "y"]})
    assert list(made) == ["age", "job"]
    assert made["age"].dtype == np.float32
    assert made["job"].dtype == object
    assert made["age"].tolist() == [[39.0], [40.0]]
    assert made["job"].tolist() == [["smith"], ["farrier"]]


@pytest.mark.parametrize(("values", "numbers"), [
    ([1, 2.5, True], [1, 2.5, 1]),
    ([None, float("nan"), "", " "], [np.nan] * 4),
    (["3", " 4.5 ", "-1e3"], [3, 4.5, -1000]),
    (np.array([[1.0], [2.0]]), [1, 2]),
    (pd.Series([1, None], dtype="Int64"), [1, np.nan]),
    (pd.Series(["7", None]), [7, np.nan]),
    ([], []),
])
def test_numbers(values: object, numbers: list[float]) -> None:
    np.testing.assert_array_equal(feeds(one("number"), {"x": values})["x"], np.array(numbers).reshape(-1, 1))


@pytest.mark.parametrize(("values", "texts"), [
    (["a", "", " b "], ["a", "", " b "]),
    ([None, float("nan"), pd.NA, pd.NaT], [""] * 4),
    ([3, 3.0, np.int64(3), np.float32(0.1), np.float32(2)], ["3", "3", "3", "0.1", "2"]),
    ([True, np.True_], ["true", "true"]),
    (np.array(["a", "b"]), ["a", "b"]),
    (pd.Series(["a", None], dtype="category"), ["a", ""]),
    ([], []),
])
def test_categories(values: object, texts: list[str]) -> None:
    made = feeds(one("category"), {"x": values})["x"]
    assert made.shape == (len(texts), 1)
    assert made.ravel().tolist() == texts
    assert all(type(t) is str for t in made.ravel())


@pytest.mark.parametrize(("kind", "columns", "message"), [
    ("number", {"xx": [1]}, "column 'x' is missing; the nearest of those given is 'xx'"),
    ("number", {"speed": [1]}, "column 'x' is missing; given: speed"),
    ("number", {}, "given: none"),
    ("number", {"x": [1, "two", 3]}, "column 'x', row 1: 'two' is not a number"),
    ("number", {"x": [1, 1e39]}, "column 'x', row 1: the value is infinite"),
    ("number", {"x": ["-inf"]}, "column 'x', row 0: the value is infinite"),
    ("number", {"x": 5}, "give a list of values"),
    ("number", {"x": "12"}, "give a list of values"),
    ("number", {"x": [[1, 2]]}, "one value a row is needed"),
    ("category", {"x": ["a", ["b", "c"]]}, r"column 'x', row 1: \['b', 'c'\] is not one value"),
    ("category", {"x": [b"a"]}, "not one value"),
])
def test_what_is_refused(kind: str, columns: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        feeds(one(kind), columns)


def test_columns_of_unequal_lengths_are_refused() -> None:
    with pytest.raises(InputError, match="'age' and 'job' have 2 and 1 rows"):
        feeds(ROWS, {"age": [1, 2], "job": ["a"]})


def pixel_columns(rows: int) -> dict[str, list[float]]:
    return {c["name"]: [10.0 * n + i for n in range(rows)] for i, c in enumerate(IMAGE["columns"])}  # type: ignore[index,arg-type]


def test_pixels_and_whole_images_are_the_same_feed() -> None:
    by_pixel = feeds(IMAGE, pixel_columns(2))["image"]
    whole = feeds(IMAGE, {"image": [[[0, 1, 2], [3, 4, 5]], [[10, 11, 12], [13, 14, 15]]]})["image"]
    assert by_pixel.dtype == np.float32
    np.testing.assert_array_equal(by_pixel, whole)


@pytest.mark.parametrize(("change", "message"), [
    ({"pixel_1_1": ["x"]}, "column 'pixel_1_1', row 0: 'x' is not a number"),
    ({"pixel_1_1": [1, 2]}, "have 1 and 2 rows"),
    ({"pixel_1_1": [float("inf")]}, "row 0: a pixel is infinite"),
    ({"pixel_1_1": [None]}, "row 0: a pixel is missing"),
    ({"image": [[[1, 2, 3], [4, float("nan"), 6]]]}, "row 0: a pixel is missing"),
    ({"image": [[[1, 2], [3, 4]]]}, r"has shape \(1, 2, 2\); \(rows, 2, 3\) is needed"),
    ({"image": [[1, 2, 3], [4, 5, 6]]}, r"\(rows, 2, 3\) is needed"),
    ({"image": [[[1, 2, 3], [4, 5]]]}, "no list of images"),
])
def test_images_that_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        feeds(IMAGE, pixel_columns(1) | change)


def test_a_textual_pixel_is_read() -> None:
    made = feeds(IMAGE, pixel_columns(1) | {"pixel_0_1": ["1"]})["image"]
    np.testing.assert_array_equal(made, [[[0, 1, 2], [3, 4, 5]]])


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()))
def test_a_category_text_is_stable(value: object) -> None:
    assert text(text(value)) == text(value)


@given(st.integers(min_value=-(2**53) + 1, max_value=2**53 - 1))
def test_a_whole_number_has_one_text(value: int) -> None:
    assert text(value) == text(float(value)) == str(value)
