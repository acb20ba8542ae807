# SPDX-License-Identifier: Apache-2.0
"""Installing a pack: all of it or nothing, and after a refusal the old one stands as it stood."""

from __future__ import annotations

import ctypes
from pathlib import Path
from types import SimpleNamespace

import pytest

from egresswatch.errors import OutputError, RuleError
from egresswatch.rules import install as installing
from egresswatch.rules import load_tables, signature
from egresswatch.rules.install import install, reloaded


@pytest.fixture
def make(tmp_path: Path, yamls: SimpleNamespace):
    """A pack folder by its name and the number of its rules."""

    def _make(name: str, rules: int) -> Path:
        root = tmp_path / name
        (root / "platforms").mkdir(parents=True)
        items = [
            yamls.rule(number, match=f"domains: [n{number}.example]", title=f"Test cloud {number}")
            .replace("a.cloud.example", f"a.n{number}.example")
            .replace("cloud.example.net", "other.example")
            for number in range(1, rules + 1)
        ]
        (root / "platforms" / "test.yaml").write_text(yamls.rules(*items))
        (root / "pack.yaml").write_text(f'pack: {{format: 1, version: "{rules}"}}\n')
        return root

    return _make


def state(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_into_an_empty_place(make, tmp_path: Path) -> None:
    """The first pack: nothing to compare with; the folder is used as it is."""
    into = tmp_path / "etc" / "rules"
    done = install(make("new", 3), into)
    assert (done.version, done.size.rules, done.changes, done.signed) == ("3", 3, (), None)
    assert len(load_tables([into], builtin=False).rules) == 3
    assert done.digest == load_tables([into], builtin=False).digest


def test_over_an_older_one(make, tmp_path: Path) -> None:
    """What changed is told; no file of the old pack is left, nothing lies beside it."""
    into = make("into", 8)
    (into / "old.txt").write_text("old")
    new = make("new", 9)
    done = install(new, into)
    assert any("EW-TST-0009" in line for line in done.changes)
    assert state(into) == state(new)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["into", "new"]


def test_a_pack_that_shrank_is_refused(make, tmp_path: Path) -> None:
    """Less than half of the rules: the old ones stay, unless that is said to be meant."""
    into, new = make("into", 9), make("new", 4)
    before = state(into)
    with pytest.raises(RuleError, match=r"new: is refused.*4 rules instead of 9"):
        install(new, into)
    assert state(into) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["into", "new"]
    assert install(new, into, allow_smaller=True).size.rules == 4


OUI = "ouis:\n- {vendor: nobody, registrant: N, relevance: camera, prefixes: '020000', references: [s]}\n"
BAD = {
    "empty": ("platforms/test.yaml", "", "is empty"),
    "not YAML": ("platforms/test.yaml", "rules: [", "not YAML"),
    "an unknown field": ("more.yaml", "rulez: []\n", 'unknown field "rulez"'),
    "an unknown maker": ("more.yaml", OUI, "nobody"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_pack_with_mistakes_is_refused(make, what: str) -> None:
    """Grammar and contradictions; the message names the file that the user gave, not the copy."""
    into, new = make("into", 2), make("new", 2)
    before = state(into)
    file, text, words = BAD[what]
    (new / file).write_text(text)
    with pytest.raises(RuleError, match=words) as caught:
        install(new, into)
    assert state(into) == before
    assert str(new) in str(caught.value)
    assert ".into.new" not in str(caught.value)


def test_a_failing_example_is_a_refusal(make) -> None:
    """A pack that does not keep its own word is not used."""
    into, new = make("into", 2), make("new", 2)
    path = new / "platforms" / "test.yaml"
    path.write_text(path.read_text().replace("other.example", "x.n1.example", 1))
    with pytest.raises(RuleError, match="should not match"):
        install(new, into)


def test_a_link_is_refused(make, tmp_path: Path) -> None:
    """A pack cannot point at files of the machine."""
    new = make("new", 1)
    (new / "x.yaml").symlink_to("/etc/hostname")
    with pytest.raises(RuleError, match="is a link or a device"):
        install(new, tmp_path / "into")


def test_only_what_the_key_signed(make, tmp_path: Path) -> None:
    """With a key an unsigned folder is refused before it is read."""
    key = signature.PublicKey(bytes(8), bytes(32))
    with pytest.raises(RuleError, match="only signed rules are taken"):
        install(make("new", 1), tmp_path / "into", key)
    assert not (tmp_path / "into").exists()


def test_not_into_itself(make, tmp_path: Path) -> None:
    """NEW and DIR must be different folders, neither within the other; a file is no folder."""
    new = make("new", 1)
    for into in (new, new / "platforms", tmp_path):
        with pytest.raises(RuleError, match="into itself"):
            install(new, into)
    with pytest.raises(RuleError, match="no such rule folder"):
        install(new / "pack.yaml", tmp_path / "x")
    with pytest.raises(OutputError, match="is not a folder"):
        install(new, new / "pack.yaml")


def test_what_a_killed_install_left_is_no_hindrance(make, tmp_path: Path) -> None:
    """The copy of an earlier try is thrown away."""
    (tmp_path / ".into.new").mkdir()
    (tmp_path / ".into.new" / "rest").write_text("rest")
    install(make("new", 1), tmp_path / "into")
    assert not (tmp_path / "into" / "rest").exists()


def test_a_broken_old_pack_has_no_claim(make) -> None:
    """What cannot be read cannot be kept; the reason is told."""
    into, new = make("into", 9), make("new", 1)
    (into / "pack.yaml").write_text("pack: [")
    (warning,) = install(new, into).warnings
    assert "could not be read" in warning
    assert state(into) == state(new)


def test_without_an_exchange_in_one_step(make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system cannot swap folders, two renames do, undone when the second fails."""
    monkeypatch.setattr(installing.ctypes, "CDLL", lambda *_, **__: object())
    into, new = make("into", 2), make("new", 2)
    (new / "note").write_text("new")
    install(new, into)
    assert (into / "note").read_text() == "new"
    before = state(into)
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.name == ".into.new":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OutputError, match="No space left"):
        install(new, into)
    assert state(into) == before


def test_this_system_swaps_in_one_step() -> None:
    """What the sensors run on (Linux) has renameat2, so no reader ever finds an empty place."""
    assert hasattr(ctypes.CDLL(None), "renameat2")


def test_a_reload_keeps_the_old_rules(make) -> None:
    """The same decision for a sensor that reads its rules again."""
    folder = make("rules", 9)
    old = load_tables([folder], builtin=False)
    assert reloaded(old, [folder], builtin=False).digest == old.digest
    few = make("few", 3)
    with pytest.raises(RuleError, match="3 rules instead of 9"):
        reloaded(old, [few], builtin=False)
    (folder / "pack.yaml").write_text("pack: [")
    with pytest.raises(RuleError, match="not YAML"):
        reloaded(old, [folder], builtin=False)
