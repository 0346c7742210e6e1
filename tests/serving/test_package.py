from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from serving.inputs import InputError
from serving.package import CONTENTS, HEAVY, MANIFEST, SIGNATURE, PackageError, main, open_package
from serving.signature import key_id, read_keys, sign
from tasks.deployment.signing import signing_key, trusted_keys
from tasks.store import CHECKOUT, path_of

EVERY_FILE = sorted(CONTENTS | {MANIFEST, SIGNATURE})


@pytest.fixture
def folder(pack_one: Callable[..., Any], tmp_path: Path) -> Path:
    """A package that a test may damage."""
    return Path(shutil.copytree(path_of(pack_one().package), tmp_path / "taken"))


def opened(folder: Path) -> Any:
    return open_package(folder, read_keys(trusted_keys()))


def sign_again(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """What somebody with the private key could do."""
    manifest = json.loads((folder / MANIFEST).read_text())
    change(manifest)
    content = json.dumps(manifest).encode()
    (folder / MANIFEST).write_bytes(content)
    (folder / SIGNATURE).write_bytes(sign(content, signing_key()))


def replace_file(folder: Path, name: str, content: bytes) -> None:
    import hashlib

    (folder / name).write_bytes(content)
    sign_again(folder, lambda manifest: manifest["files"].update(
        {name: {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}}))


def test_a_whole_package_opens(folder: Path) -> None:
    package = opened(folder)
    assert package.key == key_id(signing_key().public_key())
    assert package.manifest["candidate"] == "linear-keep"


@pytest.mark.parametrize("name", EVERY_FILE)
@pytest.mark.parametrize("share", [0.0, 0.37, 0.99])
def test_one_flipped_byte_in_any_file_is_refused(folder: Path, name: str, share: float) -> None:
    content = bytearray((folder / name).read_bytes())
    content[int(share * (len(content) - 1))] ^= 0x20
    (folder / name).write_bytes(content)
    with pytest.raises(PackageError, match=r"Fetch the package again|not trusted"):
        opened(folder)


def test_every_byte_of_the_signature_counts(folder: Path) -> None:
    content = (folder / SIGNATURE).read_bytes()
    for place in range(len(content)):
        (folder / SIGNATURE).write_bytes(content[:place] + bytes([content[place] ^ 0x20]) + content[place + 1:])
        with pytest.raises(PackageError):
            opened(folder)


@pytest.mark.parametrize("name", EVERY_FILE)
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(PackageError, match=name):
        opened(folder)


def test_an_added_file_is_named(folder: Path) -> None:
    (folder / "weights.bin").write_bytes(b"1")
    with pytest.raises(PackageError, match=r"weights\.bin is not in the manifest"):
        opened(folder)


def test_a_link_is_refused_though_it_leads_to_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    (folder / "card.md").rename(tmp_path / "card.md")
    (folder / "card.md").symlink_to(tmp_path / "card.md")
    with pytest.raises(PackageError, match=r"card\.md is no plain file"):
        opened(folder)


def test_a_folder_inside_is_refused(folder: Path) -> None:
    (folder / "more").mkdir()
    with pytest.raises(PackageError, match="more is no plain file"):
        opened(folder)


def test_an_unknown_key_is_named_with_those_that_are_trusted(folder: Path) -> None:
    other = Ed25519PrivateKey.generate().public_key()
    with pytest.raises(PackageError, match=rf"{key_id(signing_key().public_key())}, which is not trusted "
                                           rf"\(trusted: {key_id(other)}\)"):
        open_package(folder, [other])
    with pytest.raises(PackageError, match=r"trusted: none"):
        open_package(folder, [])


def test_a_signature_by_another_key_under_a_trusted_name_is_refused(folder: Path) -> None:
    content = (folder / MANIFEST).read_bytes()
    forged = json.loads(sign(content, Ed25519PrivateKey.generate()))
    forged["key"] = key_id(signing_key().public_key())
    (folder / SIGNATURE).write_text(json.dumps(forged, indent=1, sort_keys=True) + "\n")
    with pytest.raises(PackageError, match="does not fit"):
        opened(folder)


@pytest.mark.parametrize("name", ["../outside.onnx", "/etc/passwd", "model.pkl"])
def test_even_a_signed_manifest_may_name_only_known_files(folder: Path, name: str) -> None:
    sign_again(folder, lambda manifest: manifest["files"].update({name: manifest["files"]["model.onnx"]}))
    with pytest.raises(PackageError, match="nothing else"):
        opened(folder)


def test_another_format_is_refused(folder: Path) -> None:
    sign_again(folder, lambda manifest: manifest.update(format=2))
    with pytest.raises(PackageError, match="format 2; this version reads 1"):
        opened(folder)


def test_golden_rows_that_come_out_otherwise_are_refused(folder: Path) -> None:
    golden = json.loads((folder / "golden.json").read_text())
    golden["outputs"]["probabilities"][3] = [0.5, 0.5]
    replace_file(folder, "golden.json", json.dumps(golden).encode())
    with pytest.raises(PackageError, match=r"golden\.json: row 3: expected probabilities"):
        opened(folder)


def test_golden_rows_that_miss_a_column_are_refused(folder: Path) -> None:
    golden = json.loads((folder / "golden.json").read_text())
    del golden["columns"]["plan"]
    replace_file(folder, "golden.json", json.dumps(golden).encode())
    with pytest.raises(PackageError, match=r"cannot be answered: column 'plan' is missing"):
        opened(folder)


def test_a_graph_whose_tensors_lie_elsewhere_is_refused(folder: Path, tmp_path: Path) -> None:
    import onnx

    graph = onnx.load(folder / "model.onnx")
    for constant in graph.graph.initializer:
        constant.raw_data = onnx.numpy_helper.to_array(constant).tobytes()
    onnx.save(graph, tmp_path / "apart.onnx", save_as_external_data=True, location="weights", size_threshold=0)
    replace_file(folder, "model.onnx", (tmp_path / "apart.onnx").read_bytes())
    with pytest.raises(PackageError, match="its tensors lie in other files"):
        opened(folder)


@pytest.mark.parametrize("content", [b"", b"\x80", b"\x7f no graph at all", b"\x3a\xff\xff\xff\x7f"])
def test_bytes_that_are_no_graph_are_refused(folder: Path, content: bytes) -> None:
    replace_file(folder, "model.onnx", content)
    with pytest.raises(PackageError, match=r"model\.onnx (is no ONNX graph|does not load)"):
        opened(folder)


def test_a_folder_that_is_no_package(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="is no folder"):
        open_package(tmp_path / "nothing", [])
    (tmp_path / "empty").mkdir()
    with pytest.raises(PackageError, match=r"has no manifest\.json"):
        open_package(tmp_path / "empty", [])


def test_wrong_columns_are_the_callers_fault(folder: Path) -> None:
    with pytest.raises(InputError, match="'age'"):
        opened(folder).predict({"plan": ["basic"]})


def run_fresh(folder: Path, code: str = "pass") -> subprocess.CompletedProcess[str]:
    start = f"import sys; {code}; from serving.package import main; sys.exit(main(sys.argv[1:]))"
    flags = [part for key in trusted_keys() for part in ("--trusted", str(key))]
    return subprocess.run([sys.executable, "-c", start, str(folder), *flags], cwd=CHECKOUT, text=True, check=False,
                          capture_output=True, env={**os.environ, "PYTHONPATH": str(CHECKOUT)})


def test_a_fresh_process_opens_it_without_the_trainers_libraries(folder: Path) -> None:
    done = run_fresh(folder)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["golden_rows"] >= 22


def test_importing_a_trainers_library_is_noticed(folder: Path) -> None:
    done = run_fresh(folder, code="import pandas")
    assert done.returncode == 1
    assert "imported pandas" in done.stderr
    assert "pandas" in HEAVY


def test_the_command_says_why_it_refuses(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder)]) == 1
    assert "not trusted" in capsys.readouterr().err
