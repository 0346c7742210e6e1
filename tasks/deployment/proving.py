"""The proof of a release: a process with nothing but the server's own imports opens it and answers its golden rows."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tasks.errors import DeploymentError
from tasks.store import CHECKOUT

PATIENCE_S = 120


def prove(folder: Path, trusted: Sequence[Path], digest: str) -> None:
    """Open a package in a fresh process that must not import torch, scikit-learn, pandas or MLflow.

    digest: of the package that must be there. Raises DeploymentError with the reason where it does not hold.
    """
    flags = [part for key in trusted for part in ("--trusted", str(key.resolve()))]
    command = [sys.executable, "-m", "serving.package", str(folder.resolve()), "--digest", digest, *flags]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    try:
        done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True,  # noqa: S603  ours
                              timeout=PATIENCE_S, check=False)
    except subprocess.TimeoutExpired:
        raise DeploymentError(f"{folder} was not open after {PATIENCE_S} s in a fresh process. "
                              f"Run again when this machine has less to do.") from None
    if done.returncode != 0:
        raise DeploymentError(f"a fresh process refused the package, so it is not released: "
                              f"{(done.stderr or 'it ended without a word').strip().splitlines()[-1]}")
