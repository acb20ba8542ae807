# SPDX-License-Identifier: Apache-2.0
"""Signed rule packs: a list of files with their digests, and a signature of that list as minisign makes it.

A signed folder holds ``pack.sha256`` (the lines of ``sha256sum``, one for every other file) and
``pack.sha256.minisig``. Both forms of minisign are read: prehashed (``ED``, BLAKE2b-512) and legacy
(``Ed``); the trusted comment is verified too. A single rule file carries ``FILE.minisig`` beside it.

Owns what is accepted as signed, and the words of every refusal; never signs (minisign does, with a
key that stays with the publisher). A file that the list does not name is as bad as a changed one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from egresswatch.errors import ConfigError, RuleError

MANIFEST = "pack.sha256"
SIGNATURE = MANIFEST + ".minisig"
PREHASHED, LEGACY = b"ED", b"Ed"
TRUSTED = "trusted comment: "
MAX_FILES = 10_000
MAX_BYTES = 64 << 20
MAX_LIST = 4 << 20
_LINE = re.compile(r"([0-9a-f]{64}) [ *]([^\x00-\x1f\\]{1,1024})")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A minisign public key: eight bytes that name it, and the Ed25519 key itself."""

    id: bytes
    raw: bytes

    @property
    def shown(self) -> str:
        """The key's name as minisign prints it."""
        return self.id[::-1].hex().upper()


@dataclass(frozen=True, slots=True)
class Signed:
    """What a signature says beyond being valid."""

    key: str
    comment: str
    """The trusted comment: signed text of the publisher."""


def public_key(text: str) -> PublicKey:
    """``rules.public_key``: the key itself (the line that starts with RW) or a file that holds it.

    Raises ConfigError.
    """
    line = text.strip()
    if not re.fullmatch(r"RW[A-Za-z0-9+/]{54}", line):
        path = Path(line)
        try:
            content = path.read_text(encoding="utf-8") if path.stat().st_size <= 4096 else ""
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not a file name"
            message = f"is no minisign public key and cannot be read as a file: {reason}"
            raise ConfigError(message, line[:200]) from error
        lines = [one.strip() for one in content.splitlines() if one.strip()]
        if len(lines) > 2 or not lines or (len(lines) == 2 and not lines[0].startswith("untrusted comment:")):
            raise ConfigError("is not a minisign public key file", line)
        line = lines[-1]
    raw = _decoded(line)
    if len(raw) != 42 or raw[:2] != LEGACY:
        raise ConfigError("rules.public_key is not a minisign public key (56 characters that start with RW)")
    return PublicKey(raw[2:10], raw[10:])


def verify(path: Path, key: PublicKey) -> Signed:
    """A folder or a single file is what the owner of ``key`` signed. Raises RuleError."""
    if path.is_file():
        return _signed(_bytes(path), path, path.with_name(path.name + ".minisig"), key)
    if not path.is_dir():
        raise RuleError("no such rule folder or file", path)
    listed = _bytes(path / MANIFEST, MAX_LIST)
    signed = _signed(listed, path / MANIFEST, path / SIGNATURE, key)
    wanted = _manifest(listed, path / MANIFEST)
    files = files_of(path)
    for name in sorted(wanted.keys() - files.keys()):
        raise RuleError(f"names {name}, which is missing", path / MANIFEST)
    for name, file in files.items():
        if name not in wanted:
            raise RuleError(f"is not named in {MANIFEST}: nobody signed it", file)
        if _digest(file) != wanted[name]:
            raise RuleError(f"is not the file that {MANIFEST} names: its digest differs", file)
    return signed


def manifest(folder: Path) -> str:
    """The text of ``pack.sha256`` for a folder: every file but the list and its signature."""
    return "".join(f"{_digest(file)}  {name}\n" for name, file in files_of(folder).items())


def files_of(folder: Path) -> dict[str, Path]:
    """Files of a pack by their name within it, sorted. RuleError for what is neither file nor folder,
    for links, and for more than a pack can be."""
    found: dict[str, Path] = {}
    size = 0
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise RuleError("is a link or a device: a pack holds plain files", path)
        name = path.relative_to(folder).as_posix()
        if path.is_dir() or name in (MANIFEST, SIGNATURE):
            continue
        if not _LINE.fullmatch(f"{'0' * 64}  {name}"):
            raise RuleError("has a name that a pack cannot list", path)
        found[name] = path
        size += path.stat().st_size
        if len(found) > MAX_FILES or size > MAX_BYTES:
            raise RuleError(f"holds more than {MAX_FILES} files or {MAX_BYTES >> 20} MiB", folder)
    return found


def _manifest(data: bytes, path: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    try:
        lines = data.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise RuleError("is not UTF-8 text", path) from error
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        if match is None or match[2] in found:
            raise RuleError("is not a list of digests and file names, each once", path, number)
        found[match[2]] = match[1]
    if not found:
        raise RuleError("is empty", path)
    return found


def _signed(data: bytes, signed: Path, signature: Path, key: PublicKey) -> Signed:
    """Check a minisign signature file of four lines over ``data``."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    lines = _bytes(signature, 16_384).decode("utf-8", "replace").splitlines()
    if len(lines) != 4 or not lines[2].startswith(TRUSTED):
        raise RuleError("is not a minisign signature (four lines)", signature)
    raw, overall = _decoded(lines[1]), _decoded(lines[3])
    if len(raw) != 74 or raw[:2] not in (PREHASHED, LEGACY) or len(overall) != 64:
        raise RuleError("is not a minisign signature", signature)
    if raw[2:10] != key.id:
        other = PublicKey(raw[2:10], b"").shown
        raise RuleError(f"was made with key {other}, not with {key.shown}", signature)
    message = hashlib.blake2b(data).digest() if raw[:2] == PREHASHED else data
    comment = lines[2].removeprefix(TRUSTED)
    try:
        public = Ed25519PublicKey.from_public_bytes(key.raw)
        public.verify(raw[10:], message)
        public.verify(overall, raw[10:] + comment.encode())
    except (InvalidSignature, ValueError) as error:
        problem = f"the signature {signature.name} does not fit: changed since it was signed"
        raise RuleError(problem, signed) from error
    return Signed(key.shown, comment)


def _decoded(line: str) -> bytes:
    try:
        return base64.b64decode(line.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _bytes(path: Path, limit: int = MAX_BYTES) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError as error:
        raise RuleError("is missing, and only signed rules are taken (rules.public_key)", path) from error
    except OSError as error:
        raise RuleError(f"cannot be read: {error.strerror}", path) from error
    if len(data) > limit:
        raise RuleError(f"is larger than {limit} bytes", path)
    return data


def _digest(file: Path) -> str:
    return hashlib.sha256(_bytes(file)).hexdigest()
