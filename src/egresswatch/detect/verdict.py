# SPDX-License-Identifier: Apache-2.0
"""What a flow's destination is and what that means for the site.

Owns the precedence of the contract ("Flow columns"): which class of destination a set of matching
rules makes, and which verdict follows from policy and class. Pure functions; knows no vendor.
"""

from __future__ import annotations

from collections.abc import Sequence

from egresswatch.events import RuleFacts

TCP, UDP = 6, 17
ICMP = (1, 58)
SERVICE_PORTS = (53, 123)
"""DNS and NTP: what every device needs; told as infrastructure, a finding only against policy."""

STUN = "stun"
NOBODY = "generic"
"""Stands where a maker does in rules about what everybody may speak."""
STUN_PLATFORM = f"{NOBODY}/stun"
"""STUN (RFC 8489) opens a way through NAT: the first step of every peer-to-peer session."""

# What a rule says its destination is, surest claim first: what the packets speak, then whose they are.
_PRECEDENCE = ("p2p", "vendor_cloud", "infrastructure", "other")


def judge(monitored: bool, policy_answer: str, dest_class: str) -> str:
    """The verdict column: the first of the contract's list that applies."""
    if not monitored:
        return "not_monitored"
    if policy_answer in ("allowed", "violation"):
        return policy_answer
    return dest_class if dest_class in ("p2p", "vendor_cloud") else "unknown"


def dest_class(
    rules: Sequence[RuleFacts], protocols: Sequence[str], proto: int, port: int, crossing: bool
) -> tuple[str, str]:
    """Class and platform of a destination from the rules that match and the protocols seen.

    ``port`` is the remote end's, ``crossing`` says whether it lies outside. A rule that matches by its
    port alone is a hint for a person and makes no class: anybody can use a port.
    """
    best = primary(rules)
    platform = best.platform if best is not None else ""
    if best is not None and best.dest_class == "p2p":
        return "p2p", platform
    if crossing and STUN in protocols:
        return "p2p", platform if best is not None and best.dest_class == "vendor_cloud" else STUN_PLATFORM
    if crossing and is_service(proto, port):
        return "infrastructure", platform
    if best is not None and best.dest_class in _PRECEDENCE and (crossing or best.dest_class != "other"):
        return best.dest_class, platform
    return ("other" if crossing else "none"), platform


def primary(rules: Sequence[RuleFacts]) -> RuleFacts | None:
    """The rule that names the destination: highest class, then the order given (most specific first).

    Of several about the same platform the surest speaks: a name read in one place only must not make
    less of what is known of everything around it.
    """
    sure = [rule for rule in rules if not port_only(rule)]
    best = min(sure, key=_rank, default=None)
    if best is None or len(sure) == 1:
        return best
    same = [rule for rule in sure if _rank(rule) == _rank(best) and rule.platform == best.platform]
    return min(same, key=lambda rule: _CONFIDENCE.index(rule.confidence))


def port_only(rule: RuleFacts) -> bool:
    """True when the rule has nothing but ports to go by."""
    return not any(getattr(rule.match, kind, ()) for kind in _SURE)


_CONFIDENCE = ("high", "medium", "low")
_SURE = ("domains", "full_domains", "nets", "payload", "seen")


def is_service(proto: int, port: int) -> bool:
    """DNS or NTP by protocol and port."""
    return port in SERVICE_PORTS and (proto == UDP or (proto == TCP and port == SERVICE_PORTS[0]))


def _rank(rule: RuleFacts) -> int:
    return _PRECEDENCE.index(rule.dest_class) if rule.dest_class in _PRECEDENCE else len(_PRECEDENCE)
