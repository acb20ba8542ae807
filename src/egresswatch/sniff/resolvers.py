# SPDX-License-Identifier: Apache-2.0
"""What only several facts about a flow tell together: resolvers behind encryption, and WebRTC.

Gives dot and doq (RFC 7858, RFC 9250: by port 853 or by what the client offers), doh (RFC 8484: by the
path, where it is in the clear) and webrtc (DTLS where STUN was spoken before, or the other way round).
Which names are resolvers of the public is the rule pack's to say.
"""

from __future__ import annotations

from typing import Final

from egresswatch.patterns import Parser
from egresswatch.records import FlowInfo, Item, Message

PORT = 853
_PATH = "/dns-query"
DOT: Final = "dot"
_OFFERS: Final = {int(Parser.TLS): (DOT, "tls_sni", DOT), int(Parser.QUIC): ("doq", "quic_sni", "doq")}
_PAIR: Final = {int(Parser.DTLS): "stun", int(Parser.STUN): "dtls"}
_HTTP: Final = int(Parser.HTTP)
CONCLUDE: Final = frozenset((*_OFFERS, *_PAIR, _HTTP))
"""What is read by these may tell more than it says."""
WEBRTC = "webrtc"


def concluded(info: FlowInfo, m: Message, parser: int, items: tuple[Item, ...]) -> tuple[Item, ...]:
    """What ``items``, just read by ``parser``, tell beyond themselves; ``info``: what was known before.

    A flow that turns out to be WebRTC gets this service.
    """
    if not items and parser not in _PAIR:
        return ()
    if parser in _OFFERS:
        return _encrypted(m, items, *_OFFERS[parser])
    if parser == _HTTP:
        asked = next((item for item in items if item.kind == "http_path" and item.value == _PATH), None)
        host = _asked(items, "http_host") or m.dst
        return (Item("doh", host, f"{asked.detail} {_PATH}"),) if asked else ()
    if parser in _PAIR and info.service == _PAIR[parser]:
        info.service = WEBRTC
        keys = any(item.kind == "dtls_srtp" for item in items)
        return (Item(WEBRTC, WEBRTC, f"STUN and DTLS on one flow{', keys for media' if keys else ''}"),)
    return ()


def _encrypted(m: Message, items: tuple[Item, ...], kind: str, named: str, offer: str) -> tuple[Item, ...]:
    why = f"port {PORT}" if m.dport == PORT else ""
    for item in items:
        if item.kind != "ja4":
            continue
        if offer in item.detail and offer in item.detail.removeprefix("alpn=").split(","):
            why = f"offers {offer}"
        return (Item(kind, _asked(items, named) or m.dst, why),) if why else ()
    return ()


def _asked(items: tuple[Item, ...], kind: str) -> str:
    return next((item.value for item in items if item.kind == kind), "")
