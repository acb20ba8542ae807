# SPDX-License-Identifier: Apache-2.0
"""Patterns of what carries files, mail and RTMP, and of consoles: rows of ``probes.BUILTIN``."""

from __future__ import annotations

from egresswatch.patterns import Parser
from egresswatch.records import Array
from egresswatch.sniff.pattern import TCP, UDP, row


def _spoken(parser: int, ports: tuple[int, ...], *texts: bytes) -> list[Array]:
    """Rows for protocols of lines on their ports: either side may begin, letters in either case."""
    return [
        row(parser, TCP, text, mask1=bytes(0xDF if 0x41 <= c <= 0x5A else 0xFF for c in text), port=port,
            min_len=len(text), every=True)
        for port in ports for text in texts
    ]  # fmt: skip


def files() -> list[Array]:
    """Where pictures and recordings are put, and the consoles of devices."""
    ftp = (b"220 ", b"220-", b"USER ", b"AUTH ", b"STOR ", b"APPE ", b"STOU", b"RETR ")
    smtp = (b"220 ", b"220-", b"EHLO ", b"HELO ", b"MAIL FRO", b"RCPT TO:", b"DATA\r\n")
    telnet = (23, 2323)
    program = b"\0\0\0\x02\x00\x01\x86\xa0"  # RPC version 2, then a program of the first 32 (RFC 5531 §9)
    bits = b"\xff\xff\xff\xff\xff\xff\xff\xe0"
    return [
        *_spoken(Parser.FTP, (21, 2121), *ftp),
        *_spoken(Parser.SMTP, (25, 587, 2525), *smtp),
        *(row(Parser.TELNET, TCP, b"\xff\xf8", mask1=b"\xff\xf8", port=port, min_len=3) for port in telnet),
        *(row(Parser.SMB, TCP, b"\0", magic + b"SMB", off2=4, min_len=36) for magic in (b"\xff", b"\xfe")),
        row(Parser.NFS, TCP, b"\x80\0", program, off2=12, mask2=bits, min_len=44),
        row(Parser.NFS, UDP, bytes(4), program, off1=4, mask2=bits, min_len=40),
        row(Parser.RTMP, TCP, b"\x03", port=1935, min_len=9),
        row(Parser.RTMP, TCP, b"\x03", bytes(4), off2=5, min_len=1024),
    ]
