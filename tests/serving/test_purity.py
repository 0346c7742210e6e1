"""The server stays light: importing all of it, and answering with a package, brings in nothing of the rest."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tasks.deployment.signing import trusted_keys
from tasks.store import CHECKOUT, path_of

FOREIGN = ("conf", "farrier", "flows", "tasks", "great_expectations", "matplotlib", "mlflow", "onnx", "optuna",
           "pandas", "prefect", "pyarrow", "pydantic", "scipy", "skl2onnx", "sklearn", "skops", "torch", "yaml")
IMPORT_ALL = """
import importlib, pkgutil, sys, serving
found = [module.name for module in pkgutil.walk_packages(serving.__path__, "serving.")]
for name in found:
    importlib.import_module(name)
"""
ANSWER = """
from pathlib import Path
from serving.package import open_package
from serving.signature import read_keys
package = open_package(Path(sys.argv[1]), read_keys(map(Path, sys.argv[2:])))
answers = package.predict({"age": [30, None], "spent": [1, 2], "plan": ["basic", ""], "city": ["Bern", "Oslo"]})
assert answers["probabilities"].shape == (2, 2)
"""
REPORT = f"\nprint(len(found), *sorted(set({FOREIGN!r}) & sys.modules.keys()))"


def loaded_after(code: str, *arguments: str) -> list[str]:
    """How many modules the server has, then the foreign ones that a fresh process has loaded after the code."""
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL + code + REPORT, *arguments], cwd=CHECKOUT, text=True,
                          check=False, capture_output=True, env={**os.environ, "PYTHONPATH": str(CHECKOUT)})
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_whole_server_imports_nothing_of_the_rest() -> None:
    modules, *foreign = loaded_after("")
    assert int(modules) >= len(list((CHECKOUT / "serving").rglob("[!_]*.py")))
    assert not foreign


def test_an_answer_brings_in_nothing_of_the_rest(pack_one: Callable[..., Any]) -> None:
    folder: Path = path_of(pack_one().package)
    assert loaded_after(ANSWER, str(folder), *map(str, trusted_keys()))[1:] == []


def test_a_foreign_import_shows() -> None:
    assert loaded_after("import tasks.errors, yaml")[1:] == ["tasks", "yaml"]
