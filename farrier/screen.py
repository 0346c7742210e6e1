"""Where tables are printed: as wide as the terminal, and wide enough for every column where there is none."""

from __future__ import annotations

from rich.console import Console

WIDE = 160


def console() -> Console:
    """Standard output, made for this very moment, so that what is redirected is followed."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=WIDE)
