"""The files that an address stands for: one, those of a pattern, or a folder of partitions."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from tasks.errors import DataError


class Part(NamedTuple):
    """One file, and what its folders say of its rows, as in `year=2024/month=7/rows.csv`."""

    path: str
    columns: dict[str, str]

    @property
    def name(self) -> str:
        """The file's own name."""
        return PurePosixPath(self.path).name


def parts_of(addresses: Sequence[str], suffixes: Iterable[str]) -> list[Part]:
    """The files behind some addresses, in the order of the addresses and in each by name.

    A local folder, or an address that ends with a slash, stands for every file below it with one of the suffixes; `*`
    and `**` make a pattern. Raises DataError where that is no file at all.
    """
    return [part for address in addresses for part in _behind(address, tuple(suffixes))]


def _behind(address: str, suffixes: tuple[str, ...]) -> list[Part]:
    local = Path(address).expanduser()
    if "*" in address:
        found = _matching(address)
    elif local.is_dir():
        found = sorted(str(path) for path in local.rglob("*") if path.is_file())
    elif address.endswith("/"):
        found = _matching(f"{address}**")
    else:
        return [Part(address, {})]
    kept = [path for path in found if _wanted(path, suffixes)]
    if not kept:
        raise DataError(f"{address} stands for no file that ends in {', '.join(suffixes)}, looking from {Path.cwd()}. "
                        f"Mend data.source.path.")
    return [Part(path, _partition(path)) for path in kept]


def _matching(pattern: str) -> list[str]:
    if "://" not in pattern:
        return sorted(path for path in glob.glob(str(Path(pattern).expanduser()), recursive=True)  # noqa: PTH207
                      if Path(path).is_file())
    import fsspec

    try:
        system, inner = fsspec.url_to_fs(pattern)
    except (ImportError, ValueError) as problem:
        raise DataError(f"{pattern} cannot be looked through: {problem}. Mend data.source.path, or install what it "
                        f"says.") from problem
    return sorted(system.unstrip_protocol(path) for path in system.glob(inner) if not path.endswith("/"))


def _wanted(path: str, suffixes: tuple[str, ...]) -> bool:
    name = PurePosixPath(path).name
    return not name.startswith((".", "_")) and any(f"{suffix}." in f"{name.lower()}." for suffix in suffixes)


def _partition(path: str) -> dict[str, str]:
    """What the folders of a path say, as Hive names them.

    >>> _partition("rows/year=2024/month=7/a.csv")
    {'year': '2024', 'month': '7'}
    """
    named = (folder.split("=", 1) for folder in PurePosixPath(path).parts[:-1] if "=" in folder)
    return {name: value for name, value in named if name}
