# SPDX-License-Identifier: Apache-2.0
"""Telnet: what a server shows before anybody has logged in (RFC 854).

Gives telnet_banner: the text up to and with the first question for a name or a password. Options are
taken out (RFC 855). What comes after it, and what the client types, is never read.
"""

from __future__ import annotations

import re

from egresswatch.records import Item, Message, Verdict
from egresswatch.sniff.text import TEXT_LIMIT, printable

Parsed = tuple[Verdict, tuple[Item, ...], int]

MAX_WAIT = 2048
"""Bytes within which the question comes, or there is none."""
_PORTS = (23, 2323)
# two bytes and the option; a subnegotiation up to its end; any other command; an escaped 255
_OPTION = re.compile(rb"\xff(?:[\xfb-\xfe](.)|\xfa[^\xff]{0,512}(?:\xff\xf0)?|[\xf0-\xf9]|\xff)", re.DOTALL)
_PROMPT = re.compile(rb"(?:login|user ?name|user|account|password|passcode)\s{0,4}[:>]", re.IGNORECASE)
_ESCAPE = re.compile(rb"\x1b\[[0-9;?]{0,16}[A-Za-z]")


class Reader:
    """One side, from its first options to its first question."""

    __slots__ = ("_over",)

    def __init__(self) -> None:
        self._over = False

    def __call__(self, buf: bytes, m: Message) -> Parsed:
        """All of it until the question; from then on nothing is looked at."""
        if self._over:
            return Verdict.MATCH, (), len(buf)
        if m.sport not in _PORTS:
            self._over = True
            return Verdict.MATCH, (), len(buf)
        text = _ESCAPE.sub(b"", _OPTION.sub(b"", buf)).replace(b"\0", b"")
        prompt = _PROMPT.search(text)
        if prompt is not None:
            self._over = True
            # segments that were late bring what was typed together with the question
            shown = b" ".join(text[: prompt.end()].split())
            return Verdict.MATCH, (Item("telnet_banner", printable(shown, TEXT_LIMIT), ""),), len(buf)
        if not text.strip():
            return Verdict.MATCH, (), len(buf)
        if len(buf) >= MAX_WAIT:
            self._over = True
            return Verdict.MATCH, (), len(buf)
        return Verdict.NEED_MORE, (), 0
