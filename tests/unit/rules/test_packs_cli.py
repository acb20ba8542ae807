# SPDX-License-Identifier: Apache-2.0
"""``rules verify, install, manifest`` and ``rules.public_key``: what they print and how they leave."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from egresswatch.cli import run

SECRET = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
RAW = SECRET.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
KEY = base64.b64encode(b"Ed" + bytes(8) + RAW).decode()


@pytest.fixture
def folder(tmp_path: Path, yamls: SimpleNamespace) -> Path:
    root = tmp_path / "new"
    root.mkdir()
    (root / "a.yaml").write_text(yamls.rules(yamls.rule()))
    return root


def sign(root: Path) -> None:
    """As ``minisign -S -m pack.sha256`` does."""
    data = (root / "pack.sha256").read_bytes()
    own = SECRET.sign(hashlib.blake2b(data).digest())
    overall = SECRET.sign(own + b"week 47")
    lines = ["untrusted comment: x", base64.b64encode(b"ED" + bytes(8) + own).decode(),
             "trusted comment: week 47", base64.b64encode(overall).decode()]  # fmt: skip
    (root / "pack.sha256.minisig").write_text("\n".join(lines) + "\n")


def test_a_pack_is_listed_signed_verified_and_installed(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole way from publisher to sensor."""
    assert run(["rules", "manifest", str(folder)]) == 0
    assert "1 files; sign it with: minisign -S -m" in capsys.readouterr().out
    sign(folder)
    assert run(["rules", "verify", str(folder), "--public-key", KEY]) == 0
    assert "signed with key 0000000000000000; week 47" in capsys.readouterr().out
    into = tmp_path / "rules"
    assert run(["rules", "install", str(folder), "--into", str(into), "--public-key", KEY]) == 0
    assert f"{into}: version none, digest" in capsys.readouterr().out
    assert run(["check", "--rules", str(into), "--set", f"rules.public_key={KEY}"]) == 0


def test_an_unsigned_folder_stops_the_program(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a key configured no command that loads rules for a run takes unsigned ones."""
    assert run(["check", "--rules", str(folder), "--set", f"rules.public_key={KEY}"]) == 1
    assert "pack.sha256: is missing, and only signed rules are taken" in capsys.readouterr().err


def test_the_key_may_stand_in_the_settings(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``rules.public_key`` of a settings file counts for install and verify too."""
    settings = tmp_path / "egresswatch.toml"
    settings.write_text(f'[rules]\npublic_key = "{KEY}"\n')
    into = tmp_path / "rules"
    assert run(["rules", "install", str(folder), "--into", str(into), "--config", str(settings)]) == 1
    assert "only signed rules are taken" in capsys.readouterr().err
    assert not into.exists()


def test_verify_wants_a_key(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without one there is nothing to compare with: wrong usage."""
    assert run(["rules", "verify", str(folder)]) == 2
    assert "no key" in capsys.readouterr().err


def test_a_refused_pack_is_one_line(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 1, the reason on standard error, the old rules in place."""
    into = tmp_path / "rules"
    into.mkdir()
    text = (folder / "a.yaml").read_text()
    (into / "a.yaml").write_text(text)
    (folder / "a.yaml").write_text(text[: text.index("rules:")])
    assert run(["rules", "install", str(folder), "--into", str(into)]) == 1
    assert "has lost more than half: 0 rules instead of 1" in capsys.readouterr().err
    assert (into / "a.yaml").read_text() == text
    assert run(["rules", "install", str(folder), "--into", str(into), "--allow-smaller"]) == 0
    assert "- EW-TST-0001" in capsys.readouterr().out


def test_what_cannot_be_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file is no folder."""
    assert run(["rules", "manifest", str(folder / "a.yaml")]) == 1
    assert "no such rule folder" in capsys.readouterr().err


def test_an_empty_folder_is_nothing_to_sign(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No list of nothing is written."""
    assert run(["rules", "manifest", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"egresswatch: {tmp_path}: holds no files that could be signed\n"
    assert list(tmp_path.iterdir()) == []


def test_a_new_list_takes_the_old_signature_away(folder: Path) -> None:
    """A signature of another list would only mislead."""
    run(["rules", "manifest", str(folder)])
    sign(folder)
    run(["rules", "manifest", str(folder)])
    assert not (folder / "pack.sha256.minisig").exists()
