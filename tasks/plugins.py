"""What every plug-in is: a frozen pydantic model that is its own settings, with one verb that does the work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tasks.errors import MissingExtra
from tasks.records import Record, canonical_json


class Plugin(Record):
    """A plug-in: `kind` names it, its fields are its options. Each kind of plug-in adds its verb."""

    kind: str

    def canonical(self) -> str:
        """This plug-in's settings as canonical JSON: what a cache key and a recipe are made of."""
        return canonical_json(self.model_dump(mode="json"))

    def options(self) -> dict[str, Any]:
        """The settings without the kind."""
        return self.model_dump(mode="json", exclude={"kind"})


@contextmanager
def extra(name: str) -> Iterator[None]:
    """The door to optional packages: an import that fails inside becomes the command that installs it.

    >>> with extra("fpga"):
    ...     import a_package_that_nobody_has
    Traceback (most recent call last):
    tasks.errors.MissingExtra: a_package_that_nobody_has is not installed. Run: .venv/bin/pip install -e '.[fpga]'
    """
    try:
        yield
    except ModuleNotFoundError as missing:
        raise MissingExtra(f"{missing.name} is not installed. Run: {installing(name)}") from missing


def installing(name: str) -> str:
    """The command that brings an extra, or the core for ''; editable, as set-up installs it: else conf/ would be lost.

    >>> installing("fpga"), installing("")
    (".venv/bin/pip install -e '.[fpga]'", '.venv/bin/pip install -e .')
    """
    return ".venv/bin/pip install -e " + (f"'.[{name}]'" if name else ".")
