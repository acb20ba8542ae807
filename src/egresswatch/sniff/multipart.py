# SPDX-License-Identifier: Apache-2.0
"""Multipart bodies (RFC 2046 §5.1): pushes of events with pictures, and streams of events in answers.

Gives http_push: per part with an event what ``pushes`` reads in it, and ``multipart`` for each other kind
of part that is sent (its name and media type; file names only by their extension). Of a part its head and
the first 4 KiB are looked at; the rest is stepped over. A picture in an answer is a stream being watched,
not a push, and is not told.
"""

from __future__ import annotations

import re

from egresswatch.records import Item
from egresswatch.sniff import headers, pushes
from egresswatch.sniff.text import extension, printable

MAX_ITEMS = 32
"""Told of one body."""
_HEAD = 2048
_PART = 4096
_BOUNDARY = re.compile(rb'boundary\s{0,4}=\s{0,4}(?:"([^"\r\n]{1,128})"|([^\s;,"]{1,128}))', re.IGNORECASE)
_NAME = re.compile(rb'(?<!file)name\s{0,4}=\s{0,4}"?([\w.\-\[\]]{1,64})', re.IGNORECASE)
_FILE = re.compile(rb'filename\s{0,4}=\s{0,4}"?([^";\r\n]{1,255})', re.IGNORECASE)


def reader(content_type: bytes, where: str, *, request: bool, chunked: bool) -> Parts | None:
    """A reader for the boundary that the content type names."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        return None
    boundary = found[1] or found[2]
    # some senders count the dashes in
    return Parts(boundary.removeprefix(b"--"), where, request=request, chunked=chunked)


class Parts:
    """One body, part after part."""

    held = 0

    def __init__(self, boundary: bytes, where: str, *, request: bool, chunked: bool) -> None:
        self.begun = False
        self._mark, self._where, self._request = b"--" + boundary, where, request
        self._skip = 0
        """Bytes still to come of a part whose length is known."""
        self._told = 0
        self._kinds: set[str] = set()
        # chunk sizes between the parts are no harm where lengths are not relied on
        self._lengths = not chunked

    def read(self, data: bytes, *, final: bool) -> tuple[tuple[Item, ...], int, bool]:
        """As far as whole parts, or enough of a part, are there."""
        items: list[Item] = []
        at = 0
        while True:
            taken, found, more = self._step(data, at, final=final)
            items += found
            at += taken
            if not more or self._told + len(items) >= MAX_ITEMS:
                break
        self.begun = self.begun or at > 0
        self._told += len(items)
        return tuple(items), at, self._told >= MAX_ITEMS

    def _step(self, data: bytes, at: int, *, final: bool) -> tuple[int, tuple[Item, ...], bool]:
        """(bytes taken, items, is there more to do at once)."""
        if self._skip:
            taken = min(self._skip, len(data) - at)
            self._skip -= taken
            return taken, (), taken > 0 and not self._skip
        place = data.find(self._mark, at)
        if place < 0:
            keep = len(self._mark) + 4
            return max(0, len(data) - at - keep), (), False
        end = data.find(b"\n", place + len(self._mark))
        if end < 0 or data.startswith(b"--", place + len(self._mark)):
            return (len(data) - at, (), False) if end >= 0 or final else (place - at, (), False)
        head = self._head(data, end + 1, final=final)
        if head is None:
            return place - at, (), False
        start = end + 1 + head.length
        length = headers.content_length(head) if self._lengths else 0
        body = data[start : start + (min(length, _PART) if length else _PART)]
        if not length:
            body, mark, _ = body.partition(self._mark)
            whole = bool(mark) or len(body) >= _PART
        else:
            whole = len(body) >= min(length, _PART)
        if not whole and not final:
            return place - at, (), False
        self._skip = max(0, length - len(body)) if length else 0
        return start + len(body) - at, self._part(head, body), True

    def _head(self, data: bytes, at: int, *, final: bool) -> headers.Head | None:
        """A part's head; read as one of HTTP behind a start line."""
        if data.startswith((b"\r\n", b"\n"), at):
            return headers.Head(b"", {}, 2 if data[at] == 0x0D else 1, True)
        block = b"\n" + data[at : at + _HEAD]
        head = headers.read(block, final=final or len(block) > _HEAD)
        return None if head is None else head._replace(length=head.length - 1)

    def _part(self, head: headers.Head, body: bytes) -> tuple[Item, ...]:
        kind = head.get(b"content-type").partition(b";")[0].strip().lower()
        disposition = head.get(b"content-disposition")
        name, file = _NAME.search(disposition), _FILE.search(disposition)
        shown = " ".join(
            word for word in (
                printable(name[1], 64) if name else "", printable(kind, 64),
                extension(file[1]) if file else "",
            ) if word
        )  # fmt: skip
        find = pushes.finder(kind, body)
        events = find(body, self._where, request=self._request) if find else ()
        if events:
            part = f"; part {shown}" if shown else ""
            return tuple(item._replace(detail=item.detail + part) for item in events)
        if not self._request or not shown or shown in self._kinds:
            return ()
        self._kinds.add(shown)
        return (Item("http_push", "multipart", f"{self._where}; part {shown}"),)
