# SPDX-License-Identifier: Apache-2.0
"""Documentation that states facts of the program is compared with the program."""

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import egresswatch
from egresswatch.cli.app import app
from egresswatch.sinks.parquet import FLOW_SCHEMA, NEIGHBOUR_SCHEMA, SIGHTING_SCHEMA

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def write_docs():
    """scripts/write_docs.py as a module."""
    spec = importlib.util.spec_from_file_location("write_docs", ROOT / "scripts" / "write_docs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def columns(heading):
    """name -> type of the table under a heading of docs/columns.md."""
    section = text("docs/columns.md").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return [tuple(row) for row in re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section, re.MULTILINE)]


def described(schema):
    """The same of a schema, in the words of the page."""
    words = {"string": "text", "timestamp[ns, tz=UTC]": "timestamp[ns, UTC]"}

    def word(field):
        if str(field.type).startswith("list"):
            return "list of text"
        return words.get(str(field.type), str(field.type)) + (" or null" if field.nullable else "")

    return [(field.name, word(field)) for field in schema]


@pytest.mark.parametrize(
    ("heading", "schema"), [("flows.parquet", FLOW_SCHEMA), ("sightings.parquet", SIGHTING_SCHEMA),
     ("neighbours.parquet", NEIGHBOUR_SCHEMA)]
)
def test_every_column_is_described(heading, schema):
    """docs/columns.md lists the columns in their order with their types."""
    assert columns(heading) == described(schema)


def test_the_settings_page_is_generated(write_docs):
    """docs/configuration.md is what `make docs` writes."""
    page = "docs/configuration.md"
    assert write_docs.rewritten(page, write_docs.PARTS[page]) == text(page)


def test_the_readme_lists_the_commands_as_they_are(write_docs):
    """The README's command list is what --help says."""
    assert write_docs.rewritten("README.md", {"commands": write_docs.commands}) == text("README.md")


@pytest.mark.slow
@pytest.mark.jit_only
def test_the_readme_shows_real_output(write_docs):
    """The README's example is what `make demo` prints today (a whole day: too long without JIT)."""
    assert write_docs.rewritten("README.md", {"demo": write_docs.demo}) == text("README.md")


def test_one_version():
    """Package, pyproject and changelog name the same version."""
    project = tomllib.loads(text("pyproject.toml"))["project"]
    newest = re.search(r"^## \[([\d.]+)\]", text("CHANGELOG.md"), re.MULTILINE)[1]
    assert egresswatch.__version__ == project["version"] == newest


def test_every_command_is_documented():
    """The README names each command that --help shows."""
    shown = [c.name or c.callback.__name__ for c in app.registered_commands if not c.hidden]
    readme = text("README.md")
    assert [name for name in shown if not re.search(rf"\b{name}\b", readme)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    """Every relative link of a page names a file that exists."""
    links = re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_licence_is_whole():
    """LICENSE is the Apache License 2.0 with its appendix."""
    licence = text("LICENSE")
    assert "Version 2.0, January 2004" in licence
    assert "APPENDIX: How to apply the Apache License to your work." in licence
    assert all(f"\n   {number}. " in licence for number in range(1, 10))


def test_make_help_lists_what_the_contract_promises():
    """`make help` shows demo and test among the targets."""
    done = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True)
    targets = [line.split()[1] for line in done.stdout.splitlines()]
    assert {"demo", "test", "check"} <= set(targets)


def test_ci_runs_make_test():
    """.ci/run is executable and calls exactly `make test`."""
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert script.read_text().splitlines()[-1] == "exec make test"


def test_the_json_of_the_screen_is_json():
    """--json of an empty capture is one JSON object (docs and README point programs to it)."""
    header = bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000")
    command = [sys.executable, "-m", "egresswatch", "replay", "-", "--json"]
    done = subprocess.run(command, input=header, capture_output=True, cwd=ROOT / "src")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["packets"] == 0
