# SPDX-License-Identifier: Apache-2.0
"""The inventory: what the operator says about his cameras, from ``cameras.csv``.

Columns: ``name`` (required), ``mac``, ``ip``, ``vlan``, ``vendor``, ``model``, ``site``, ``role``, in any
order; each row has a MAC or an address. Lines that begin with ``#`` and empty lines are skipped; a byte-order
mark and semicolons instead of commas are taken, as spreadsheets write them. Every mistake of the file is
told with its line; nothing is taken from a file with a mistake in it.
"""

from __future__ import annotations

import csv
import difflib
import io
import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from egresswatch.enrich.asset import GROUP_BIT
from egresswatch.errors import ConfigError
from egresswatch.records import ROLES

COLUMNS = ("name", "mac", "ip", "vlan", "vendor", "model", "site", "role")
_MAC = re.compile(r"(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}|[0-9a-f]{12}")
_MAX_TEXT = 255


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the inventory."""

    name: str
    mac: int = 0
    ip: str = ""
    vlan: int | None = None
    vendor: str = ""
    model: str = ""
    site: str = ""
    role: str = "camera"
    place: str = ""
    """``cameras.csv:12``."""


class Inventory:
    """The rows, found by MAC or by address."""

    def __init__(self, entries: tuple[Entry, ...] = ()) -> None:
        self.entries = entries
        self.by_mac = {entry.mac: entry for entry in entries if entry.mac}
        self.by_ip = {entry.ip: entry for entry in entries if entry.ip}

    @classmethod
    def load(cls, path: Path | str | None) -> Inventory:
        """The inventory of a file; none for an empty path. ConfigError lists every mistake."""
        if not path:
            return cls()
        path = Path(path)
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except OSError as error:
            raise ConfigError(f"cannot be read: {error.strerror}. Nothing was read.", path) from None
        except UnicodeDecodeError as error:
            line = path.read_bytes().count(b"\n", 0, error.start) + 1
            raise ConfigError("is not UTF-8 text. Nothing was read.", path, line) from None
        reader = _Reader(path)
        entries = reader.entries(text)
        if reader.mistakes:
            lines = [
                message if n == 0 else f"{path}:{line}: {message}"
                for n, (line, message) in enumerate(reader.mistakes)
            ]
            raise ConfigError(".\n".join(lines) + ". Nothing was read.", path, reader.mistakes[0][0])
        return cls(entries)


class _Reader:
    """One pass over the file, collecting mistakes."""

    def __init__(self, path: Path) -> None:
        self.mistakes: list[tuple[int, str]] = []
        self._path = path
        self._first: dict[tuple[str, object], int] = {}

    def entries(self, text: str) -> tuple[Entry, ...]:
        rows = _rows(text)
        line, header = next(rows, (1, []))
        header = [column.strip().lower() for column in header]
        if not self._header(line, header):
            return ()
        found = []
        for line, row in rows:
            before = len(self.mistakes)
            if len(row) != len(header):
                self._wrong(line, f"has {len(row)} columns, the header has {len(header)}")
                continue
            entry = self._entry(line, dict(zip(header, (cell.strip() for cell in row), strict=True)))
            if len(self.mistakes) == before:
                found.append(entry)
        return tuple(found)

    def _header(self, line: int, header: list[str]) -> bool:
        if not any(header):
            self._wrong(line, f"is empty: the first line names the columns ({', '.join(COLUMNS)})")
            return False
        for column in header:
            if column not in COLUMNS:
                close = difflib.get_close_matches(column, COLUMNS, n=1)
                hint = f' (did you mean "{close[0]}"?)' if close else f" (known: {', '.join(COLUMNS)})"
                self._wrong(line, f'unknown column "{_shown(column)}"{hint}')
        for column in sorted(set(COLUMNS).intersection(header)):
            if header.count(column) > 1:
                self._wrong(line, f'column "{column}" is there twice')
        if "name" not in header:
            self._wrong(line, 'there is no column "name"')
        if "mac" not in header and "ip" not in header:
            self._wrong(line, 'there is neither a column "mac" nor a column "ip"')
        return not self.mistakes

    def _entry(self, line: int, row: dict[str, str]) -> Entry:
        name = row["name"]
        for column, value in row.items():
            if len(value) > _MAX_TEXT or not value.isprintable():
                self._wrong(line, f"{column} is not a printable text of at most {_MAX_TEXT} characters")
        if not name:
            self._wrong(line, "has no name")
        mac = self._mac(line, row.get("mac", ""))
        ip = self._ip(line, row.get("ip", ""))
        if not row.get("mac") and not row.get("ip"):
            self._wrong(line, f'"{_shown(name)}" has neither a mac nor an ip')
        role = row.get("role", "").lower() or "camera"
        if role not in ROLES:
            self._wrong(line, f'unknown role "{_shown(role)}" (one of {", ".join(ROLES)})')
        for column, shown, key in (("name", name, name), ("mac", row.get("mac"), mac), ("ip", ip, ip)):
            if key:
                first = self._first.setdefault((column, key), line)
                if first != line:
                    self._wrong(line, f'{column} "{_shown(shown or "")}" is in line {first} already')
        return Entry(
            name, mac, ip, self._vlan(line, row.get("vlan", "")), row.get("vendor", ""), row.get("model", ""),
            row.get("site", ""), role, f"{self._path.name}:{line}",
        )  # fmt: skip

    def _mac(self, line: int, text: str) -> int:
        if not text:
            return 0
        if not _MAC.fullmatch(text.lower()):
            self._wrong(line, f'mac "{_shown(text)}" is not a MAC address such as 00:11:22:aa:bb:cc')
            return 0
        mac = int(re.sub(r"[^0-9a-f]", "", text.lower()), 16)
        if mac == 0 or mac & GROUP_BIT:
            self._wrong(line, f'mac "{text}" is not the address of one device')
        return mac

    def _ip(self, line: int, text: str) -> str:
        if not text:
            return ""
        try:
            return str(ipaddress.ip_address(text))
        except ValueError:
            self._wrong(line, f'ip "{_shown(text)}" is not an address')
            return ""

    def _vlan(self, line: int, text: str) -> int | None:
        if not text:
            return None
        if not re.fullmatch(r"[0-9]{1,4}", text) or int(text) > 4094:
            self._wrong(line, f'vlan "{_shown(text)}" must be a number 0–4094')
            return None
        return int(text)

    def _wrong(self, line: int, message: str) -> None:
        self.mistakes.append((line, message))


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of every row that says something."""
    first = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    delimiter = ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    begin = 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row) and not row[0].startswith("#"):
                yield begin, row
            begin = reader.line_num + 1
    except csv.Error:
        yield begin, []


def _shown(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text[:64])
