"""How this very command is called from here, so that the commands that we tell people to run work as printed."""

from __future__ import annotations

import os
import re
import shlex
import sys

USUAL = ".venv/bin/farrier"  # as it is called from a checkout
VERBS = ("new", "run", "runs", "report", "predict", "verify", "releases", "targets", "monitor", "schedule", "retrain",
         "worker", "ui", "doctor")


def command() -> str:
    """The path that calls farrier from here; the usual one where something else started this process."""
    if os.path.basename(sys.argv[0]) != "farrier":  # noqa: PTH119
        return USUAL
    near = os.path.relpath(sys.argv[0])
    return shlex.quote(near if not near.startswith("..") else sys.argv[0])


def as_called(text: str) -> str:
    """A message whose `farrier VERB` works as printed: whatever says it need not know how this command is called.

    >>> as_called("Release it: farrier run digits").replace(command(), "PATH/farrier")
    'Release it: PATH/farrier run digits'
    """
    return re.sub(rf"(?<![\w/.-])farrier (?=(?:{'|'.join(VERBS)})\b)", lambda _: f"{command()} ", text)
