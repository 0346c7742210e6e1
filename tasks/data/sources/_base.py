"""What a source is: settings that know how to fetch rows, and one verb that fetches them."""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from tasks.errors import DataError
from tasks.plugins import Plugin
from tasks.records import Spelling

SNAPSHOT = "snapshot.parquet"
UNREADABLE = (OSError, ValueError, EOFError, RecursionError, ImportError, pa.ArrowException,
              zlib.error, lzma.LZMAError, zipfile.BadZipFile)


class Source(Plugin):
    """Where rows come from."""

    @abstractmethod
    def collect(self, folder: Path) -> Path:
        """Write the rows, as found, to one Parquet file in `folder` and return its path.

        Raises DataError where they cannot be had. The same rows give the same bytes.
        """

    @abstractmethod
    def identity(self) -> str | None:
        """A cheap digest of what `collect` would give; None where that cannot be known without collecting."""

    def spelling(self) -> Spelling:
        """How its texts spell values; a source of typed values has nothing to say."""
        return Spelling()


@contextmanager
def opened(path: str, format_name: str) -> Iterator[IO[bytes]]:
    """A local path or any fsspec URL, unpacked by its suffix; what goes wrong while it is open becomes a DataError.

    A connection that breaks stays what it is: that may get better, and whoever retries can tell it apart.
    """
    before = _stamp(path)
    try:
        with _unpacked(path) as file:
            yield file
        if _stamp(path) != before:
            raise DataError(f"{path} changed while it was read: some of its rows are old and some new. Run again when "
                            f"whoever writes it is done.")
    except (ConnectionError, TimeoutError):
        raise
    except FileNotFoundError as problem:
        raise DataError(f"there is no file {path}, looking from {Path.cwd()}. Mend data.source, or put the file "
                        f"there.") from problem
    except pd.errors.EmptyDataError as problem:
        raise DataError(f"{path} is empty: it has neither names nor rows. Name a file that has some.") from problem
    except UNREADABLE as problem:
        raise DataError(f"{path} cannot be read as {format_name}: {problem}. Mend the file, or the options under "
                        f"data.source.") from problem


def _stamp(path: str) -> tuple[int, int] | None:
    """A local file's size and time of change; None for what lies elsewhere, or is not there."""
    try:
        found = Path(path).expanduser().stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


@contextmanager
def _unpacked(path: str) -> Iterator[IO[bytes]]:
    import fsspec

    if not path.lower().endswith(".zst"):
        with fsspec.open(path, "rb", compression="infer") as file:
            yield file
        return
    with fsspec.open(path, "rb") as file:  # fsspec reads this packing only beside a package that we do without
        yield io.BytesIO(pa.input_stream(file, compression="zstd").read())


def pixels(images: npt.NDArray[np.generic]) -> pd.DataFrame:
    """Images [N, H, W] as a frame of one number column a pixel, `pixel_<row>_<column>`, row by row."""
    count, height, width = images.shape
    names = [f"pixel_{row}_{column}" for row in range(height) for column in range(width)]
    return pd.DataFrame(images.reshape(count, height * width), columns=pd.Index(names))
