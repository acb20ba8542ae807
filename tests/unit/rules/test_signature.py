# SPDX-License-Identifier: Apache-2.0
"""Signed packs: what is accepted, and that every change of a byte anywhere is refused with its place."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from egresswatch.errors import ConfigError, RuleError
from egresswatch.rules import load_tables, signature

SECRET = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY_ID = bytes.fromhex("0102030405060708")
COMMENT = "timestamp:1700000000\tfile:pack.sha256\thashed"


def raw(secret: Ed25519PrivateKey) -> bytes:
    return secret.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def key_line(secret: Ed25519PrivateKey = SECRET, key_id: bytes = KEY_ID) -> str:
    return base64.b64encode(b"Ed" + key_id + raw(secret)).decode()


def signed(data: bytes, form: bytes = b"ED") -> str:
    """A signature file as minisign writes it."""
    own = SECRET.sign(hashlib.blake2b(data).digest() if form == b"ED" else data)
    overall = SECRET.sign(own + COMMENT.encode())
    return "\n".join(
        [
            "untrusted comment: signature from minisign secret key",
            base64.b64encode(form + KEY_ID + own).decode(),
            f"trusted comment: {COMMENT}",
            base64.b64encode(overall).decode(),
            "",
        ]
    )


@pytest.fixture
def key() -> signature.PublicKey:
    return signature.public_key(key_line())


@pytest.fixture
def folder(tmp_path: Path, yamls: SimpleNamespace) -> Path:
    """A signed pack of two files."""
    root = tmp_path / "signed"
    (root / "platforms").mkdir(parents=True)
    (root / "platforms" / "test.yaml").write_text(yamls.rules(yamls.rule()))
    (root / "README.md").write_text("about this pack\n")
    sign(root)
    return root


def sign(root: Path, form: bytes = b"ED") -> None:
    listed = signature.manifest(root)
    (root / signature.MANIFEST).write_text(listed)
    (root / signature.SIGNATURE).write_text(signed(listed.encode(), form))


@pytest.mark.parametrize("form", [b"ED", b"Ed"])
def test_both_forms_of_signature_are_read(folder: Path, key: signature.PublicKey, form: bytes) -> None:
    """Prehashed and legacy; the trusted comment is given back."""
    sign(folder, form=form)
    found = signature.verify(folder, key)
    assert (found.key, found.comment) == ("0807060504030201", COMMENT)


def test_the_list_is_one_sha256sum_reads(folder: Path) -> None:
    """``sha256sum -c`` says the same as the program."""
    done = subprocess.run(["sha256sum", "-c", signature.MANIFEST], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["README.md: OK", "platforms/test.yaml: OK"]


def change(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-2] ^= 1
    path.write_bytes(data)


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a rule": (lambda root: change(root / "platforms" / "test.yaml"), "its digest differs"),
    "a note": (lambda root: change(root / "README.md"), "its digest differs"),
    "the list": (lambda root: change(root / signature.MANIFEST), "changed since it was signed"),
    "one more file": (lambda root: (root / "more.yaml").write_text("rules: []\n"), "nobody signed it"),
    "a file fewer": (lambda root: (root / "README.md").unlink(), "which is missing"),
    "no list": (lambda root: (root / signature.MANIFEST).unlink(), "only signed rules are taken"),
    "no signature": (lambda root: (root / signature.SIGNATURE).unlink(), "only signed rules are taken"),
    "a link": (lambda root: (root / "x.yaml").symlink_to("README.md"), "is a link or a device"),
    "an odd name": (lambda root: (root / "a\nb.yaml").write_text(""), "has a name that a pack cannot list"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_pack_is_refused(folder: Path, key: signature.PublicKey, what: str) -> None:
    """Whatever was changed after signing, the refusal says what and where."""
    act, words = CHANGES[what]
    act(folder)
    with pytest.raises(RuleError, match=words) as caught:
        signature.verify(folder, key)
    assert str(folder) in str(caught.value)


def test_every_line_of_the_signature_counts(folder: Path, key: signature.PublicKey) -> None:
    """A flipped character in key id, signature, trusted comment or its signature: refused."""
    path = folder / signature.SIGNATURE
    good = path.read_text().split("\n")
    for line, place in ((1, 5), (1, 40), (2, len(good[2]) - 1), (3, 40)):
        lines = list(good)
        old = lines[line][place]
        lines[line] = lines[line][:place] + ("A" if old != "A" else "B") + lines[line][place + 1 :]
        path.write_text("\n".join(lines))
        with pytest.raises(RuleError):
            signature.verify(folder, key)
    path.write_text("\n".join(good))
    assert signature.verify(folder, key).comment == COMMENT


@pytest.mark.parametrize("text", ["", "one line\n", "a\nb\nc\nd\n", "a\n????\ntrusted comment: x\n????\n"])
def test_what_is_no_signature_is_refused(folder: Path, key: signature.PublicKey, text: str) -> None:
    """Empty, short, or not base64."""
    (folder / signature.SIGNATURE).write_text(text)
    with pytest.raises(RuleError, match="is not a minisign signature"):
        signature.verify(folder, key)


def test_another_key_is_named(folder: Path) -> None:
    """A signature of somebody else says whose it is and whose is wanted."""
    other = signature.public_key(key_line(key_id=bytes(8)))
    with pytest.raises(RuleError, match="made with key 0807060504030201, not with 0000000000000000"):
        signature.verify(folder, other)


def test_a_key_that_borrows_the_id_does_not_help(folder: Path) -> None:
    """The id is a name only; the key decides."""
    thief = Ed25519PrivateKey.from_private_bytes(bytes(32))
    with pytest.raises(RuleError, match="changed since it was signed"):
        signature.verify(folder, signature.public_key(key_line(thief)))


@pytest.mark.parametrize(
    "lines",
    [["nothing"], ["0" * 64 + "  a", "1" * 64 + "  a"], ["0" * 63 + "  a"], ["0" * 64 + "  a\\b"], []],
)
def test_a_list_that_is_none_is_refused(folder: Path, key: signature.PublicKey, lines: list[str]) -> None:
    """Signed or not: a list has a digest and a name a line, each name once."""
    text = "".join(line + "\n" for line in lines)
    (folder / signature.MANIFEST).write_text(text)
    (folder / signature.SIGNATURE).write_text(signed(text.encode()))
    with pytest.raises(RuleError, match=r"is not a list|is empty"):
        signature.verify(folder, key)


def test_a_single_file_has_its_signature_beside_it(
    tmp_path: Path, key: signature.PublicKey, yamls: SimpleNamespace
) -> None:
    """``--rules FILE`` with a key: FILE.minisig."""
    path = tmp_path / "mine.yaml"
    path.write_text(yamls.rules(yamls.rule()))
    with pytest.raises(RuleError, match=r"mine\.yaml\.minisig: is missing"):
        signature.verify(path, key)
    path.with_name("mine.yaml.minisig").write_text(signed(path.read_bytes()))
    assert signature.verify(path, key).comment == COMMENT


def test_tables_of_signed_rules_only(folder: Path, yamls: SimpleNamespace) -> None:
    """``load_tables`` with a key takes the signed folder, and nothing else beside the built-in pack."""
    assert list(load_tables([folder], False, key_line()).rules) == ["EW-TST-0001"]
    unsigned = folder.parent / "unsigned"
    unsigned.mkdir()
    (unsigned / "a.yaml").write_text(yamls.rules(yamls.rule()))
    with pytest.raises(RuleError, match="only signed rules are taken"):
        load_tables([folder, unsigned], False, key_line())


def test_a_key_file_as_minisign_writes_it(tmp_path: Path) -> None:
    """Two lines, the first a comment; the same key as the line itself."""
    path = tmp_path / "minisign.pub"
    path.write_text(f"untrusted comment: minisign public key\n{key_line()}\n")
    assert signature.public_key(str(path)) == signature.public_key(f" {key_line()}\n")


@pytest.mark.parametrize("text", ["RWshort", "/does/not/exist", "a\0b", "RW" + "!" * 54, "x" * 5000])
def test_what_is_no_key_is_refused(text: str) -> None:
    """A wrong key is a mistake in the settings, told as one."""
    with pytest.raises(ConfigError):
        signature.public_key(text)


@pytest.mark.parametrize("content", ["", "one\ntwo\n", "a\nb\nc\n", "untrusted comment: x\nnot base64\n"])
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, content: str) -> None:
    """Also when it is some other file."""
    path = tmp_path / "key"
    path.write_text(content)
    with pytest.raises(ConfigError):
        signature.public_key(str(path))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(listed=st.binary(max_size=300), signed_by=st.binary(max_size=400))
def test_any_bytes_are_a_refusal(
    folder: Path, key: signature.PublicKey, listed: bytes, signed_by: bytes
) -> None:
    """Whatever stands in the list and in the signature: a RuleError, never another exception."""
    (folder / signature.MANIFEST).write_bytes(listed)
    (folder / signature.SIGNATURE).write_bytes(signed_by)
    with pytest.raises(RuleError):
        signature.verify(folder, key)
    (folder / signature.SIGNATURE).write_text(signed(listed))
    with pytest.raises(RuleError):
        signature.verify(folder, key)


def test_more_files_than_a_pack_has(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is no pack is not walked without end."""
    monkeypatch.setattr(signature, "MAX_FILES", 1)
    with pytest.raises(RuleError, match="holds more than 1 files"):
        signature.files_of(folder)


@pytest.mark.parametrize("legacy", [False, True])
def test_what_minisign_signs_is_taken(folder: Path, legacy: bool) -> None:
    """The real tool signs the list; the program verifies it with the key the tool made."""
    tool = shutil.which("minisign")
    if tool is None:
        pytest.skip("minisign is not installed: compatibility with the real tool is not checked")
    secret, public = folder.parent / "key.sec", folder.parent / "key.pub"
    subprocess.run([tool, "-G", "-W", "-f", "-p", public, "-s", secret], check=True, capture_output=True)
    (folder / signature.SIGNATURE).unlink()
    command = [tool, "-S", *(["-l"] if legacy else []), "-s", secret, "-m", folder / signature.MANIFEST]
    subprocess.run([*command, "-t", "pack of today"], check=True, capture_output=True)
    key = signature.public_key(str(public))
    assert signature.verify(folder, key).comment == "pack of today"
    assert key.shown in public.read_text()


def test_minisign_takes_what_these_tests_sign(folder: Path) -> None:
    """The other way round: the signatures of these tests are good ones."""
    tool = shutil.which("minisign")
    if tool is None:
        pytest.skip("minisign is not installed: compatibility with the real tool is not checked")
    command = [tool, "-V", "-P", key_line(), "-m", folder / signature.MANIFEST]
    assert b"verified" in subprocess.run(command, check=True, capture_output=True).stdout
