# SPDX-License-Identifier: Apache-2.0
"""The wheel is the product: built, installed into an empty environment, it replays the example.

The environment has the wheel alone; the packages it depends on are those of the test environment,
put behind it by path (no network). That they are the declared ones is test_imports' matter.
"""

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from egresswatch.demo import camera_day, scenario
from egresswatch.demo.frames import pcap

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]
    done = subprocess.run([*command, "--wheel-dir", folder, ROOT], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    [path] = folder.glob("egresswatch-*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """An environment that holds the wheel and sees nothing of the checkout: its folder."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    command = [
        sys.executable,
        "-m",
        "pip",
        f"--python={python}",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
    ]
    done = subprocess.run([*command, wheel], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    [packages] = folder.glob("lib/python*/site-packages")
    (packages / "behind.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def egresswatch(installed, *arguments, cwd):
    """Runs the installed command away from the checkout."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd), "NUMBA_CACHE_DIR": str(cwd / "numba")}
    if "NUMBA_DISABLE_JIT" in os.environ:
        environment["NUMBA_DISABLE_JIT"] = os.environ["NUMBA_DISABLE_JIT"]
    command = [str(installed / "bin" / "egresswatch"), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


def test_the_wheel_holds_rules_licence_and_types(wheel):
    """Vendor knowledge ships as package data, beside the licence and the mark of typed code."""
    names = zipfile.ZipFile(wheel).namelist()
    assert "egresswatch/py.typed" in names
    assert [name for name in names if name.endswith("licenses/LICENSE")]
    rules = sorted(path.relative_to(ROOT / "rules").as_posix() for path in (ROOT / "rules").rglob("*.yaml"))
    assert rules
    assert {f"egresswatch/_rules/{rule}" for rule in rules} <= set(names)


def test_the_wheel_holds_nothing_else(wheel):
    """No tests, captures, caches or working files."""
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"egresswatch", "egresswatch-0.1.0.dist-info"}
    assert not [name for name in names if name.endswith((".pcap", ".pyc", ".nbi", ".nbc", ".ipynb"))]


def test_the_installed_command_is_the_wheel(installed, tmp_path):
    """The environment runs the wheel's files, not the checkout's."""
    python = installed / "bin" / "python"
    code = "import egresswatch; print(egresswatch.__file__)"
    done = subprocess.run([python, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).is_relative_to(installed)


def test_the_installed_command_replays_and_alerts(installed, tmp_path):
    """Built-in rules are found in the wheel: the cloud login of the example is named and alerted."""
    capture = tmp_path / "night.pcap"
    night = scenario.DAY + 2 * scenario.HOUR
    frames = [f for f in camera_day.frames() if night <= f.ts < night + 30 * scenario.MINUTE]
    capture.write_bytes(pcap(frames))
    done = egresswatch(installed, "replay", capture, "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    alerts = [json.loads(line) for line in (tmp_path / "out" / "alerts.jsonl").read_text().splitlines()]
    assert {
        alert["egresswatch"]["vendor"] for alert in alerts if alert["source"]["ip"] == scenario.CLOUD.addr
    }
    assert json.loads((tmp_path / "out" / "ledger.json").read_text())["balanced"] is True


def test_the_installed_command_checks_its_rules(installed, tmp_path):
    """`rules test` runs every rule's own examples from the installed pack."""
    done = egresswatch(installed, "rules", "test", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
