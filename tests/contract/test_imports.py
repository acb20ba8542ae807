# SPDX-License-Identifier: Apache-2.0
"""Who may import what: the layers, the one owner of each outside package, the declared dependencies."""

import ast
import fnmatch
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "egresswatch"
FILES = sorted(PACKAGE.rglob("*.py"))

OWNERS = {
    # outside package -> files that may import it, from src/egresswatch
    "numba": ["jit.py"],
    "llvmlite": ["jit.py"],
    "dpkt": ["source/*", "sniff/*", "decode/slow.py"],
    "pyshark": ["dissect/*"],
    "pandas": ["analysis/*"],
    "yaml": ["rules/loader.py"],
    "suricataparser": ["exchange/*"],
    "stix2": ["exchange/*"],
    "geoip2": ["enrich/geo.py"],
    "maxminddb": ["enrich/geo.py"],
    "pyarrow": ["sinks/parquet.py", "analysis/*", "dissect/*", "cli/cameras.py", "cli/lean.py"],
    "typer": ["cli/*"],
    "rich": ["cli/*", "sinks/*"],
    "cryptography": ["sniff/*", "rules/signature.py"],
    "zstandard": ["source/*"],
    "msgspec": ["sinks/*", "dissect/*", "analysis/*", "cli/*", "rules/*"],
}
DISTRIBUTIONS = {"yaml": "pyyaml"}  # import name -> name on the package index, where they differ
WITH_NUMBA = {"llvmlite"}  # comes with numba, in the version numba wants


def imports(path):
    """(line, module) of every absolute import of a file, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            yield node.lineno, node.module or ""


def top(module):
    return module.partition(".")[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_outside_packages_are_imported_by_their_owner_only(path):
    """Each outside package has one place, so it can be replaced, and start-up stays quick."""
    name = path.relative_to(PACKAGE).as_posix()
    wrong = [
        f"{name}:{line} imports {module}"
        for line, module in imports(path)
        if top(module) in OWNERS and not any(fnmatch.fnmatch(name, place) for place in OWNERS[top(module)])
    ]
    assert not wrong


def test_every_imported_package_is_declared():
    """What the source imports is in pyproject.toml, and what is declared there is imported."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]["exchange"]
    declared = {re.match(r"[\w-]+", line)[0].lower() for line in (*project["dependencies"], *extras)}
    used = {top(module) for path in FILES for _, module in imports(path)}
    outside = used - set(sys.stdlib_module_names) - {"egresswatch"} - WITH_NUMBA
    assert {DISTRIBUTIONS.get(name, name) for name in outside} == declared


def test_the_layers_hold():
    """import-linter finds the order of docs/design.md kept."""
    linter = Path(sys.executable).with_name("lint-imports")
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
