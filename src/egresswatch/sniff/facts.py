# SPDX-License-Identifier: Apache-2.0
"""What is kept of a flow: its service, its best server name, its first JA4.

A service is that of the first parser that took a message. A name from a TLS ClientHello counts more than
one from QUIC, and that more than a Host header, which a proxy's client can set to anything.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from egresswatch.patterns import Parser
from egresswatch.records import FlowInfo, Item, Message
from egresswatch.sniff import resolvers
from egresswatch.sniff.parsers import SERVICES

_NAME_SOURCES: Final = {
    "tls_sni": ("sni", 3), "quic_sni": ("quic", 2), "http_connect": ("http", 1), "http_host": ("http", 1),
}  # fmt: skip
_NAME_RANK: Final = dict(_NAME_SOURCES.values())
_KEPT: Final = frozenset((*_NAME_SOURCES, "ja4", "tls_cert_subject"))
_SERVICES: Final = {int(parser): service for parser, service in SERVICES.items()}
_MDNS: Final = int(Parser.MDNS)
_LLMNR_PORT = 5355
_ECH: Final = "ech"
_MAX_NAMES = 8
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")


def add(info: FlowInfo, m: Message, parser: int, items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Keep what ``parser`` read in ``m``; gives the items, and what they tell with what was known."""
    if parser in resolvers.CONCLUDE:
        items += resolvers.concluded(info, m, parser, items)
    if not info.service:
        llmnr = parser == _MDNS and _LLMNR_PORT in (m.sport, m.dport)
        info.service = "llmnr" if llmnr else _SERVICES[parser]
    for item in items:
        kind = item[0]
        if kind not in _KEPT:
            continue
        if kind == "ja4":
            info.ja4 = info.ja4 or item.value
        elif kind == "tls_cert_subject":
            if not info.cert_names:
                info.cert_names, info.cert_from = cert_names(item), m.src
        else:
            source, rank = _NAME_SOURCES[kind]
            if rank > _NAME_RANK.get(info.server_name_source, 0):
                name = _host(item.value) if source == "http" else item.value
                if name:
                    info.server_name, info.server_name_source = name, source
                    info.outer_name = source != "http" and _ECH in item.detail.lower()
    return items


def cert_names(item: Item) -> tuple[str, ...]:
    """The host names that a certificate claims, without ``*.``; what is no name of a host (a product, a
    serial number) is left out."""
    if item.data is None:
        return ()
    return _hosts((*item.data.names, item.data.common_name))


@lru_cache(maxsize=256)
def _hosts(claimed: tuple[str, ...]) -> tuple[str, ...]:
    names = (name.lower().removeprefix("*.").rstrip(".") for name in claimed)
    return tuple(dict.fromkeys(name for name in names if _is_host(name)))[:_MAX_NAMES]


def _is_host(name: str) -> bool:
    """Two labels or more, the last not all digits (RFC 1123 §2.1)."""
    labels = name.split(".")
    return len(labels) > 1 and not labels[-1].isdigit() and all(map(_LABEL.fullmatch, labels))


def _host(value: str) -> str:
    """A Host header without its port (RFC 9110 §7.2), in lower case."""
    host, colon, port = value.rpartition(":")
    bare = host if colon and port.isdigit() and (":" not in host or host.endswith("]")) else value
    return bare.lower().strip("[]")
