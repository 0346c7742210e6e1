"""What a source is: settings that know how to fetch rows, and one verb that fetches them."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from tasks.plugins import Plugin

SNAPSHOT = "snapshot.parquet"


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


def pixels(images: npt.NDArray[np.generic]) -> pd.DataFrame:
    """Images [N, H, W] as a frame of one number column a pixel, `pixel_<row>_<column>`, row by row."""
    count, height, width = images.shape
    names = [f"pixel_{row}_{column}" for row in range(height) for column in range(width)]
    return pd.DataFrame(images.reshape(count, height * width), columns=pd.Index(names))
