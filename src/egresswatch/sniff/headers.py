# SPDX-License-Identifier: Apache-2.0
"""The header block that HTTP, RTSP, SIP and SSDP share (RFC 9112 §2, RFC 3261 §7.3).

Gives the start line and the header fields of one message; knows no protocol. Lenient where devices
are sloppy (bare LF, folded lines, no space after the colon), strict on size.
"""

from __future__ import annotations

from typing import NamedTuple

from egresswatch.records import Message

MAX_HEAD = 16 << 10
"""A header block longer than this is read as far as it was seen."""
MAX_FIELDS = 128
MAX_START = 4096
"""A start line longer than this is not one."""


class Head(NamedTuple):
    """One header block."""

    start: bytes
    fields: dict[bytes, bytes]
    """By lower-case name; of a repeated field the first counts."""
    length: int
    """Bytes up to and including the empty line."""
    complete: bool

    def get(self, name: bytes) -> bytes:
        """Value of a field, empty when absent."""
        return self.fields.get(name, b"")


def cut(m: Message) -> bool:
    """The capture holds less of this packet than was sent: waiting for more would be in vain."""
    return len(m.payload) < m.length


def read(buf: bytes, *, final: bool) -> Head | None:
    """The header block at the start of ``buf``; None when more bytes are needed.

    ``final``: no more bytes will come, so what is there is read up to its last whole line.
    """
    end = _end(buf)
    complete = end > 0
    if not complete:
        if not final and len(buf) < MAX_HEAD:
            return None
        end = buf.rfind(b"\n", 0, MAX_HEAD) + 1
    lines = buf[:end].split(b"\n", MAX_FIELDS)[:MAX_FIELDS]
    fields: dict[bytes, bytes] = {}
    last = b""
    if buf.find(b"\n ", 0, end) < 0 and buf.find(b"\n\t", 0, end) < 0:  # no folded lines
        for line in lines[1:]:
            name, colon, value = line.partition(b":")
            if colon:
                fields.setdefault(name.strip().lower(), value.strip())
        fields.pop(b"", None)
        return Head(lines[0].rstrip(b"\r"), fields, end, complete)
    for line in lines[1:]:
        if line[:1] in (b" ", b"\t"):
            if last and len(fields[last]) < MAX_START:
                fields[last] += b" " + line.strip()
            continue
        name, colon, value = line.partition(b":")
        last = name.strip().lower() if colon else b""
        if last in fields:
            last = b""
        elif last:
            fields[last] = value.strip()
    return Head(lines[0].rstrip(b"\r"), fields, end, complete)


def _end(buf: bytes) -> int:
    """Where the block ends (after its empty line); 0 when it does not within the limit."""
    bare = buf.find(b"\n\n", 0, MAX_HEAD)
    full = buf.find(b"\n\r\n", 0, MAX_HEAD if bare < 0 else bare + 1)
    if full >= 0:
        return full + 3
    return bare + 2 if bare >= 0 else 0


def start_line(buf: bytes) -> bytes | None:
    """The first line when it is there whole, else None."""
    end = buf.find(b"\n", 0, MAX_START)
    return None if end < 0 else buf[:end].rstrip(b"\r")


def content_length(head: Head) -> int:
    """Length of the body as announced; 0 when absent or absurd."""
    value = head.get(b"content-length")
    return int(value) if value.isdigit() and len(value) < 12 else 0


def realm(head: Head) -> bytes:
    """The realm of a challenge (RFC 7235 §4.1); never anything of an answer to it."""
    challenge = head.get(b"www-authenticate") or head.get(b"proxy-authenticate")
    at = challenge.lower().find(b"realm=")
    if at < 0:
        return b""
    value = challenge[at + 6 :].lstrip()
    if value.startswith(b'"'):
        return value[1:].partition(b'"')[0]
    return value.partition(b",")[0].strip()
