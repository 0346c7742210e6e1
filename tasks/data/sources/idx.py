"""Images in the IDX format: the one that MNIST and its relatives come in."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from tasks.data import tables
from tasks.data.sources._base import SNAPSHOT, Source, opened, pixels
from tasks.errors import DataError
from tasks.records import Address, digest_of
from tasks.store import sha256_of

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


class Idx(Source):
    """A file of images and a file of their labels, packed or not, by local paths or fsspec URLs.

    Pixels become `pixel_<row>_<column>`, labels the column `target`, as text.
    """

    kind: Literal["idx"] = "idx"
    images: Address
    labels: Address

    def collect(self, folder: Path) -> Path:
        images, labels = read_idx(self.images, dimensions=3), read_idx(self.labels, dimensions=1)
        if len(images) != len(labels):
            raise DataError(f"{self.images} holds {len(images)} images and {self.labels} {len(labels)} labels. "
                            f"Name the two files of one set under data.source.")
        return tables.write(pixels(images).assign(target=labels.astype(str).astype(object)), folder / SNAPSHOT)

    def identity(self) -> str | None:
        files = [Path(self.images).expanduser(), Path(self.labels).expanduser()]
        if not all(file.is_file() for file in files):
            return None
        return digest_of([self.canonical(), *map(sha256_of, files)])


def read_idx(path: str, *, dimensions: int) -> npt.NDArray[np.generic]:
    """The array in an IDX file. Raises DataError for a file of another format, size or number of dimensions."""
    with opened(path, "idx") as file:
        data = file.read()
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in TYPES or data[3] != dimensions:
        raise DataError(f"{path} is no IDX file of {dimensions} dimensions: it begins with {data[:4].hex()!r}. Images "
                        f"have 3, labels 1; mend data.source.")
    start = 4 + 4 * dimensions
    shape = struct.unpack(f">{dimensions}I", data[4:start].ljust(4 * dimensions, b"\0"))
    kind = np.dtype(TYPES[data[2]])
    if len(data) != start + int(np.prod(shape)) * kind.itemsize:
        raise DataError(f"{path} has {len(data)} bytes, and its header speaks of shape {shape}: it was cut short or "
                        f"changed. Fetch it again.")
    return np.frombuffer(data, kind, offset=start).reshape(shape).astype(kind.newbyteorder("="))
