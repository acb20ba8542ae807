# SPDX-License-Identifier: Apache-2.0
"""SMTP: what serves, who says it sends, which domains mail goes from and to, and what is attached (RFC 5321).

Gives smtp_banner (the greeting), smtp_helo, smtp_mail (a domain; the detail says from or to),
smtp_attachment (a media type; the detail is the file name's extension) and smtp_mailer. Local parts of
addresses, subjects, texts and credentials are not read. After STARTTLS the engine goes over to TLS.
"""

from __future__ import annotations

import re

from egresswatch.records import Item, Message, Verdict
from egresswatch.sniff import headers
from egresswatch.sniff.text import NAME_LIMIT, TEXT_LIMIT, extension, printable

Parsed = tuple[Verdict, tuple[Item, ...], int]

_NOT_MINE: Parsed = (Verdict.NOT_MINE, (), 0)
_NEED_MORE: Parsed = (Verdict.NEED_MORE, (), 0)
_TLS = b"\x16"
"""What begins so is a handshake (RFC 8446 §5.1): the engine sees to it."""
MAX_LINE = 2048
MAX_TOLD = 32
_REPLY = re.compile(rb"([2-5]\d\d)(?:([ \-])(.*))?", re.DOTALL)
_COMMAND = re.compile(
    rb"(HELO|EHLO|LHLO|MAIL FROM|RCPT TO|DATA|BDAT|RSET|NOOP|QUIT|VRFY|EXPN|HELP|AUTH|STARTTLS)\b"
    rb":?\s{0,8}(.*)",
    re.IGNORECASE | re.DOTALL,
)
_DOMAIN = re.compile(rb"<?[^<>]{0,512}@([A-Za-z0-9.\-\[\]:]{1,255})>?(?:\s|\Z)")
_FIELD = re.compile(
    rb"(content-type|content-disposition|x-mailer|user-agent):\s{0,8}(.*)", re.IGNORECASE | re.DOTALL
)
_MEDIA = re.compile(rb"([a-z]{1,32}/[a-z0-9.+\-]{1,64})", re.IGNORECASE)
_FILE = re.compile(rb'(?:file)?name\*?\s{0,4}=\s{0,4}"?([^";]{1,255})', re.IGNORECASE)
_TEXTS = (b"text/", b"multipart/", b"message/")


class Reader:
    """One side: replies, or commands and the head lines of messages."""

    __slots__ = ("_answers", "_known", "_message", "_part", "_told")

    def __init__(self) -> None:
        self._known = False
        self._answers = 0
        """Lines to come that are answers to a challenge: user name and password."""
        self._message = False
        self._part = b""
        """Media type of the part whose head is being read."""
        self._told: set[Item] = set()

    def __call__(self, buf: bytes, m: Message) -> Parsed:
        """The next line."""
        if buf[:1] == _TLS:
            return _NOT_MINE
        end = buf.find(b"\n", 0, MAX_LINE)
        if end < 0:
            if self._message and len(buf) >= MAX_LINE:
                return Verdict.MATCH, (), len(buf)
            return _NOT_MINE if headers.cut(m) or len(buf) >= MAX_LINE else _NEED_MORE
        line = buf[:end].rstrip(b"\r")
        if self._message:
            return Verdict.MATCH, self._new(self._of_message(line)), end + 1
        command = _COMMAND.fullmatch(line)
        if command is not None:
            self._known = True
            return Verdict.MATCH, self._new(self._command(command[1].upper(), command[2].strip())), end + 1
        if self._answers:
            self._answers -= 1
            return Verdict.MATCH, (), end + 1
        reply = _REPLY.fullmatch(line)
        if reply is None:
            return _NOT_MINE
        greeting = not self._known and reply[1] == b"220"
        self._known = True
        text = printable((reply[3] or b"").strip(), TEXT_LIMIT)
        return Verdict.MATCH, (Item("smtp_banner", text, ""),) if greeting and text else (), end + 1

    def _command(self, verb: bytes, argument: bytes) -> Item | None:
        self._answers = 0
        if verb in (b"HELO", b"EHLO", b"LHLO") and argument:
            return Item("smtp_helo", printable(argument.partition(b" ")[0], NAME_LIMIT), "")
        if verb in (b"MAIL FROM", b"RCPT TO"):
            domain = _DOMAIN.match(argument)
            way = "from" if verb == b"MAIL FROM" else "to"
            return Item("smtp_mail", printable(domain[1].lower(), NAME_LIMIT), way) if domain else None
        if verb == b"AUTH":
            self._answers = 2
        elif verb == b"DATA":
            self._message, self._part = True, b""
        return None

    def _of_message(self, line: bytes) -> Item | None:
        """Heads of the message and of its parts; a line of text that looks like one is taken for one."""
        if line == b".":
            self._message = False
            return None
        if not line:
            kind, self._part = self._part, b""
            return _attachment(kind, b"")
        if self._part and line[:1] in (b" ", b"\t"):
            return self._named(line)
        field = _FIELD.fullmatch(line)
        if field is None:
            return None
        name, value = field[1].lower(), field[2].strip()
        if name in (b"x-mailer", b"user-agent"):
            return Item("smtp_mailer", printable(value, TEXT_LIMIT), "")
        if name == b"content-type":
            media = _MEDIA.match(value)
            self._part = media[1].lower() if media else b""
        return self._named(value)

    def _named(self, value: bytes) -> Item | None:
        """A parameter with the file's name ends the wait for one."""
        file = _FILE.search(value)
        if file is None or not self._part:
            return None
        kind, self._part = self._part, b""
        return _attachment(kind, file[1])

    def _new(self, item: Item | None) -> tuple[Item, ...]:
        if item is None or item in self._told or len(self._told) >= MAX_TOLD:
            return ()
        self._told.add(item)
        return (item,)


def _attachment(kind: bytes, name: bytes) -> Item | None:
    if not kind or (kind.startswith(_TEXTS) and not name):
        return None
    return Item("smtp_attachment", printable(kind, NAME_LIMIT), extension(name))
