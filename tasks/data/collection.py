"""A source to a snapshot that never changes: the first step of the data stage."""

from __future__ import annotations

import pyarrow.parquet as pq

from tasks.data.settings import DataSettings
from tasks.errors import DataError
from tasks.records import Artifact
from tasks.store import Store


def collect(settings: DataSettings, store: Store) -> Artifact:
    """Read the source once and keep what it gave, as found, in one Parquet file.

    Raises DataError where the source is missing, unreadable or empty.
    """
    with store.scratch() as folder:
        path = settings.source.collect(folder)
        if pq.read_metadata(path).num_rows == 0:
            raise DataError(f"the source has names of columns and no rows: {settings.source.canonical()}. Point it at "
                            f"a file that has some.")
        return store.put(path)
