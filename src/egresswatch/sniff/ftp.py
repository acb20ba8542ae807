# SPDX-License-Identifier: Apache-2.0
"""FTP control connections: what serves, and what is sent or fetched (RFC 959, RFC 2228, RFC 3659).

Gives ftp_banner (the greeting, code 220) and ftp_command: the verb; of transfers the detail is the file
name's extension, of USER whether it is anonymous. Names, passwords, paths and replies are not read.
"""

from __future__ import annotations

import re

from egresswatch.records import Item, Message, Verdict
from egresswatch.sniff import headers
from egresswatch.sniff.text import TEXT_LIMIT, extension, printable

Parsed = tuple[Verdict, tuple[Item, ...], int]

_NOT_MINE: Parsed = (Verdict.NOT_MINE, (), 0)
_NEED_MORE: Parsed = (Verdict.NEED_MORE, (), 0)
_TLS = b"\x16"
"""What begins so is a handshake (RFC 8446 §5.1): the engine sees to it."""
MAX_LINE = 1024
MAX_TOLD = 32
"""Different commands told of one connection."""
_MAX_GREETING = 16
_REPLY = re.compile(rb"([1-6]\d\d)(?:([ \-])(.*))?", re.DOTALL)
_COMMAND = re.compile(rb"([A-Za-z]{3,4})(?: +(.*))?", re.DOTALL)
_TRANSFERS = ("STOR", "APPE", "STOU", "RETR")
_TOLD = (*_TRANSFERS, "USER", "AUTH", "DELE", "RNTO", "MKD")
_MECHANISMS = (b"TLS", b"TLS-C", b"TLS-P", b"SSL", b"GSSAPI", b"KERBEROS_V4")
"""Arguments of AUTH (IANA); anything else may be a password."""
_SILENT = frozenset({
    "PASS", "ACCT", "CWD", "CDUP", "SMNT", "REIN", "QUIT", "PORT", "PASV", "EPRT", "EPSV", "TYPE", "STRU",
    "MODE", "ALLO", "REST", "RNFR", "ABOR", "RMD", "PWD", "LIST", "NLST", "SITE", "SYST", "STAT", "HELP",
    "NOOP", "FEAT", "OPTS", "SIZE", "MDTM", "MLST", "MLSD", "PBSZ", "PROT", "CCC", "ADAT", "CLNT", "XCWD",
    "XPWD", "XMKD", "XRMD", "XCUP", "LANG", "HOST", "MFMT", "AVBL", "XCRC",
})  # fmt: skip


class Reader:
    """One side: replies or commands, line by line."""

    __slots__ = ("_greeting", "_told")

    def __init__(self) -> None:
        self._greeting: list[bytes] | None = []
        """The lines of the greeting so far; None once it is over."""
        self._told: set[Item] = set()

    @property
    def held(self) -> int:
        """Bytes of payload kept: a greeting that goes on."""
        return sum(map(len, self._greeting or ()))

    def __call__(self, buf: bytes, m: Message) -> Parsed:
        """The next line."""
        if buf[:1] == _TLS:
            return _NOT_MINE
        end = buf.find(b"\n", 0, MAX_LINE)
        if end < 0:
            return _NOT_MINE if headers.cut(m) or len(buf) >= MAX_LINE else _NEED_MORE
        line = buf[:end].rstrip(b"\r\0 ").lstrip(b"\xff\xf4\xf2")  # Telnet's interrupt goes before ABOR
        reply = _REPLY.fullmatch(line)
        if reply is not None:
            return Verdict.MATCH, self._reply(reply), end + 1
        if self._greeting:
            self._more(line)
            return Verdict.MATCH, (), end + 1
        command = _COMMAND.fullmatch(line)
        if command is None:
            # a reply of several lines has any text within it (RFC 959 §4.2)
            return (Verdict.MATCH, (), end + 1) if self._greeting is None else _NOT_MINE
        verb = command[1].decode("ascii").upper()
        if verb not in _TOLD and verb not in _SILENT:
            return (Verdict.MATCH, (), end + 1) if self._greeting is None else _NOT_MINE
        self._greeting = None
        return Verdict.MATCH, self._command(verb, (command[2] or b"").strip()), end + 1

    def _reply(self, reply: re.Match[bytes]) -> tuple[Item, ...]:
        code, mark, text = reply.groups(b"")
        if self._greeting is None or code != b"220":
            self._greeting = None
            return ()
        self._more(text)
        if mark == b"-":
            return ()
        greeting = b" ".join(part for part in self._greeting if part)
        self._greeting = None
        return (Item("ftp_banner", printable(greeting, TEXT_LIMIT), ""),) if greeting else ()

    def _more(self, text: bytes) -> None:
        if self._greeting is not None and len(self._greeting) < _MAX_GREETING:
            self._greeting.append(text.removeprefix(b"220-").strip())

    def _command(self, verb: str, argument: bytes) -> tuple[Item, ...]:
        if verb not in _TOLD:
            return ()
        detail = ""
        if verb in _TRANSFERS or verb == "RNTO":
            detail = extension(argument)
        elif verb == "USER":
            detail = "anonymous" if argument.lower() in (b"anonymous", b"ftp") else "user name given"
        elif verb == "AUTH":
            detail = argument.upper().decode("ascii") if argument.upper() in _MECHANISMS else "other"
        item = Item("ftp_command", verb, detail)
        if item in self._told or len(self._told) >= MAX_TOLD:
            return ()
        self._told.add(item)
        return (item,)
