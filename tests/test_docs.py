"""What the pages say must be true of the checkout: links, verbs, pages, hosts and paths."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from cyclopts import App, CycloptsError

from farrier.app import VERBS
from tasks.store import CHECKOUT

FOLDERS = ("benchmarks", "conf", "docker", "docs", "farrier", "flows", "serving", "tasks")
PAGES = sorted([*CHECKOUT.glob("*.md"), CHECKOUT / "data/README.md",
                *(page for folder in FOLDERS for page in (CHECKOUT / folder).rglob("*.md"))])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
# a verb is what follows the command itself: not `farrier/app.py`, `farrier-serving`, or farrier in a sentence
CALL = re.compile(r"(?:(?<![\w./-])|(?<=\.venv/bin/))farrier[ ]+([a-z]+)")
HOST = re.compile(r"https?://([^\s/:)\"'`>\]]+)[^\s)\"'`>\]]*")
MACHINE = re.compile(r"(?<![\w.$}])/(?:work|root|tmp|home)/[\w.-]+")
ALLOWED = re.compile(r"https://download\.pytorch\.org/whl/cpu\b|http://127\.0\.0\.1\b")


def test_there_are_pages() -> None:
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md"} <= {page.name for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
class TestPage:
    def test_its_links_lead_somewhere(self, page: Path) -> None:
        assert [link for link in _links(page) if not _leads(page, link)] == []

    def test_its_verbs_exist(self, page: Path) -> None:
        assert set(_calls(page.read_text(encoding="utf-8"))) - set(VERBS) == set()

    def test_its_commands_are_understood(self, page: Path) -> None:
        assert [f"{command}: {wrong}" for command in _commands(page.read_text(encoding="utf-8"))
                if (wrong := _misunderstood(command))] == []

    def test_it_names_no_host_but_that_of_torch(self, page: Path) -> None:
        found = [match[0] for match in HOST.finditer(page.read_text(encoding="utf-8"))]
        assert [address for address in found if not ALLOWED.match(address)] == []

    def test_it_names_no_path_of_one_machine(self, page: Path) -> None:
        assert MACHINE.findall(page.read_text(encoding="utf-8")) == []


def test_readme_begins_with_two_commands() -> None:
    text = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    assert "\nmake run" in text
    assert "\nmake test" in text
    assert len(text.splitlines()) < 150


def test_readme_lists_every_verb() -> None:
    table = (CHECKOUT / "README.md").read_text(encoding="utf-8").partition("## The verbs")[2].partition("\n## ")[0]
    listed = {verb for row in table.splitlines() if row.startswith("| `") for verb in _quoted(row.split("|")[1])}
    assert listed == set(VERBS)


def test_every_page_is_in_an_index() -> None:
    indexes = [CHECKOUT / "docs/README.md", CHECKOUT / "docs/decisions/README.md"]
    listed = {(index.parent / link.partition("#")[0]).resolve() for index in indexes for link in _links(index)}
    assert {page for page in PAGES if page.is_relative_to(CHECKOUT / "docs")} - listed - {indexes[0]} == set()


def test_decisions_are_numbered_once() -> None:
    numbers = [page.name[:4] for page in PAGES if page.parent.name == "decisions" and page.name != "README.md"]
    assert numbers == [f"{number:04d}" for number in range(1, len(numbers) + 1)]


def test_each_decision_says_what_was_decided_and_what_follows() -> None:
    for page in (CHECKOUT / "docs/decisions").glob("0*.md"):
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {int(page.name[:4])}. "), page.name
        assert "**Decision.**" in text, page.name
        assert "**What follows.**" in text, page.name


def test_the_picture_is_whole_and_loads_nothing() -> None:
    root = ET.parse(CHECKOUT / "docs/pipeline.svg").getroot()  # noqa: S314 a file of our own
    said = " ".join(root.itertext())
    stages = {"data", "training", "optimization", "deployment", "monitoring", "serving", "MLflow", "Prefect"}
    assert {word for word in stages if word not in said} == set()
    assert not [element for element in root.iter() if any("href" in name for name in element.attrib)]


def test_the_folders_on_the_map_are_there() -> None:
    table = (CHECKOUT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Who may import whom")[0]
    folders = {name for row in table.splitlines() if row.startswith("| `") for name in _quoted(row.split("|")[1])}
    assert folders
    assert {folder for folder in folders if not (CHECKOUT / folder).is_dir()} == set()


def test_what_runs_write_is_ignored_but_its_page() -> None:
    def ignored(path: str) -> bool:
        asked = subprocess.run(["git", "-C", str(CHECKOUT), "check-ignore", "--no-index", "--quiet", path], check=False)
        if asked.returncode > 1:
            pytest.skip("needs git and a checkout")
        return asked.returncode == 0

    table = (CHECKOUT / "data/README.md").read_text(encoding="utf-8")
    folders = [name for row in table.splitlines() if row.startswith("| `") for name in _quoted(row.split("|")[1])]
    assert folders == ["raw/", "store/", "releases/", "keys/", "state/"]
    assert all(ignored(f"data/{folder}file") for folder in folders)
    assert not ignored("data/README.md")


class TestTheGuardsThemselves:
    @pytest.mark.parametrize(("text", "verbs"), [
        ("`.venv/bin/farrier run digits`", ["run"]),
        ("```\nfarrier fly away\nfarrier --help\n```", ["fly"]),
        ("in words, farrier makes it so; `farrier/app.py` and `tag farrier-serving .` too", []),
    ])
    def test_a_call_is_found_in_code_alone(self, text: str, verbs: list[str]) -> None:
        assert list(_calls(text)) == verbs

    def test_a_command_is_found_whole(self) -> None:
        text = "```\nX=1 .venv/bin/farrier run digits -o a.b=1  # why\necho 1 | farrier predict churn -\nmake run\n```"
        assert list(_commands(text)) == ["run digits -o a.b=1", "predict churn -"]

    @pytest.mark.parametrize("command", ["run digits --fast", "predict", "fly away"])
    def test_a_wrong_command_is_found(self, command: str) -> None:
        assert _misunderstood(command)

    def test_an_address_elsewhere_is_found(self) -> None:
        assert not ALLOWED.match("https://download.pytorch.org.example/whl/cpu")
        assert not ALLOWED.match("https://example.org/simple")

    def test_a_path_of_one_machine_is_found(self) -> None:
        assert MACHINE.findall("see /root/x and (/work/main)") == ["/root/x", "/work/main"]

    def test_a_link_to_nowhere_is_found(self) -> None:
        readme = CHECKOUT / "README.md"
        assert not _leads(readme, "docs/nowhere.md")
        assert not _leads(readme, "docs/install.md#nothing-like-it")
        assert _leads(readme, "docs/install.md#what-it-does")


def _links(page: Path) -> Iterator[str]:
    """The links of a page that lead into the checkout."""
    prose = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return (link for link in LINK.findall(prose) if "://" not in link)


def _leads(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    there = (page.parent / path).resolve() if path else page
    return there.exists() and (not anchor or anchor in _anchors(there))


def _anchors(page: Path) -> set[str]:
    """A page's headings as GitHub makes anchors of them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _calls(text: str) -> Iterator[str]:
    for code in CODE.findall(text):
        yield from CALL.findall(code)


def _commands(text: str) -> Iterator[str]:
    """The arguments of each farrier command of a page's blocks."""
    for block in re.findall(r"```\w*\n(.*?)```", text, flags=re.DOTALL):
        for line in block.splitlines():
            found = re.match(r"(?:.*[ |])?(?:\.venv/bin/)?farrier +([a-z]+(?: .*)?)$", line.partition("#")[0].rstrip())
            if found:
                yield found[1].rstrip()


def _misunderstood(command: str) -> str:
    """What the command line would complain about, without running anything."""
    verb, *words = shlex.split(command)
    if verb not in VERBS:
        return f"there is no verb {verb}"
    found = getattr(import_module(f"farrier.{verb}"), verb)
    try:
        (found if isinstance(found, App) else App(default_command=found)).parse_args(
            words, exit_on_error=False, print_error=False)
    except CycloptsError as mistake:
        return str(mistake)
    return ""


def _quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)
