from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tasks.data import tables
from tasks.data.sources.idx import Idx
from tasks.errors import DataError


def written(path: Path, array: npt.NDArray[np.uint8], *, cut: int = 0) -> str:
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    whole = head + array.tobytes()
    path.write_bytes(gzip.compress(whole[:len(whole) - cut]) if path.suffix == ".gz" else whole[:len(whole) - cut])
    return str(path)


IMAGES = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
LABELS = np.array([7, 0], dtype=np.uint8)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_pixels_and_labels(tmp_path: Path, suffix: str) -> None:
    source = Idx(images=written(tmp_path / f"i{suffix}", IMAGES), labels=written(tmp_path / f"l{suffix}", LABELS))
    frame = tables.read(source.collect(tmp_path))
    assert frame.columns.tolist() == ["pixel_0_0", "pixel_0_1", "pixel_0_2", "pixel_1_0", "pixel_1_1", "pixel_1_2",
                                      "target"]
    assert frame.drop(columns="target").to_numpy().tolist() == IMAGES.reshape(2, 6).tolist()
    assert frame["target"].tolist() == ["7", "0"]


def test_two_sets_do_not_mix(tmp_path: Path) -> None:
    source = Idx(images=written(tmp_path / "i", IMAGES), labels=written(tmp_path / "l", np.zeros(3, np.uint8)))
    with pytest.raises(DataError, match=r"2 images and .* 3 labels"):
        source.collect(tmp_path)


@pytest.mark.parametrize(("images", "cut"), [(LABELS, 0), (IMAGES, 1), (IMAGES, 18), (IMAGES, 27)])
def test_other_files_are_refused(tmp_path: Path, images: npt.NDArray[np.uint8], cut: int) -> None:
    source = Idx(images=written(tmp_path / "i", images, cut=cut), labels=written(tmp_path / "l", LABELS))
    with pytest.raises(DataError, match=r"no IDX file|cut short"):
        source.collect(tmp_path)


def test_identity_needs_both_files(tmp_path: Path) -> None:
    images, labels = written(tmp_path / "i", IMAGES), written(tmp_path / "l", LABELS)
    before = Idx(images=images, labels=labels).identity()
    assert before is not None
    written(tmp_path / "l", np.array([1, 0], dtype=np.uint8))
    assert Idx(images=images, labels=labels).identity() != before
    (tmp_path / "l").unlink()
    assert Idx(images=images, labels=labels).identity() is None


def test_the_published_digits(real_data: Path, tmp_path: Path) -> None:
    source = Idx(images=str(real_data / "t10k-images-idx3-ubyte.gz"),
                 labels=str(real_data / "t10k-labels-idx1-ubyte.gz"))
    frame = tables.read(source.collect(tmp_path))
    assert frame.shape == (10_000, 785)
    assert frame["target"].tolist()[:5] == ["7", "2", "1", "0", "4"]
