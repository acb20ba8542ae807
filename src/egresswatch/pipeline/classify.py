# SPDX-License-Identifier: Apache-2.0
"""What a remote end is, from everything that was read on its flow: names, rules, class, platform.

Composes the sniffed name, the passive names of the inside host, the rule tables and detect's rule of
precedence. Used for events (now) and for rows (when their hour closes), so both say the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from egresswatch.detect.families import OUTER
from egresswatch.detect.verdict import STUN, dest_class
from egresswatch.enrich.names import PassiveNames
from egresswatch.events import RuleFacts
from egresswatch.records import FlowInfo
from egresswatch.rules import MatchTables, Rule

_CACHE = 65536


class Class(NamedTuple):
    """The answer."""

    names: tuple[tuple[str, str], ...]
    """(name, source), surest first."""
    all_names: tuple[str, ...]
    """Also the aliases that DNS showed: policy and rules may name any of them."""
    rules: tuple[Rule, ...]
    rule_ids: tuple[str, ...]
    protocols: tuple[str, ...]
    dest_class: str
    platform: str


class Classifier:
    """Memo over the rule tables."""

    def __init__(self, tables: MatchTables, names: PassiveNames) -> None:
        self._tables = tables
        self.names = names
        self._rules: dict[tuple[object, ...], tuple[Rule, ...]] = {}
        self._by_name: dict[str, tuple[Rule, ...]] = {}
        self._classes: dict[tuple[object, ...], tuple[str, str]] = {}

    def classify(
        self, host: str, remote: str, proto: int, port: int, crossing: bool, ts: int, info: FlowInfo | None,
        *, near: bool = True,
    ) -> Class:
        """``host`` is the inside end; ``port`` the remote's; ``ts`` the flow's first packet. The others as in
        ``what``."""
        asked = self.names.names(host, remote, ts) if crossing else ()
        return self.what(asked, remote, proto, port, crossing, info, near=near)

    def what(
        self, asked: tuple[str, ...], remote: str, proto: int, port: int, crossing: bool,
        info: FlowInfo | None, *, near: bool = True,
    ) -> Class:
        """``classify`` where it is known what the host called the remote (``PassiveNames.names``).

        ``near`` False: the caller knows that no rule names the remote's network.
        """
        names: tuple[tuple[str, str], ...] = ()
        claimed: tuple[str, ...] = ()
        if info is not None:
            if info.server_name:
                names = ((info.server_name, OUTER if info.outer_name else info.server_name_source),)
            if info.cert_from == remote:
                claimed = info.cert_names
        if names and names[0][1] == OUTER and names[0][0] in asked and info is not None:
            names = ((names[0][0], info.server_name_source),)  # clients offer ECH to servers without it, too
        if asked and (not names or asked[0] != names[0][0]):
            names += ((asked[0], "dns"),)
            if names[0][1] == OUTER:  # what was asked for is the better name
                names = names[::-1]
        if claimed and not names:
            names = ((claimed[0], "cert"),)
        texts = tuple(name for name, _ in names) if names else ()
        if asked or claimed:
            texts = tuple(dict.fromkeys((*texts, *asked, *claimed)))
        protocols, rules = self._protocols(info)
        rules += self._rules_of(texts, remote if near and self._tables.nets else "")
        rules = tuple(dict.fromkeys(rules)) if len(rules) > 1 else rules
        rule_ids = tuple(rule.id for rule in rules) if rules else ()
        key = (rule_ids, protocols, proto, port, crossing)
        found = self._classes.get(key)
        if found is None:
            if len(self._classes) >= _CACHE:
                self._classes.clear()
            found = self._classes[key] = dest_class(rules, protocols, proto, port, crossing)
        return Class(names, texts, rules, rule_ids, protocols, *found)

    def placed(self, hi: int, lo: int, v6: bool) -> bool:
        """Does a rule name this address (its words), or a network around it?"""
        width, number = (128, hi << 64 | lo) if v6 else (32, lo & 0xFFFFFFFF)
        nets = self._tables.nets.get(6 if v6 else 4, ())
        return any(number >> (width - length) in table for length, table in nets)

    def alerts(self, name: str) -> bool:
        """Does a rule that raises alerts know this name?"""
        rules = self._known(name)
        return bool(rules) and any(rule.dest_class in ("vendor_cloud", "p2p") for rule in rules)

    def hints(self, proto: int, port: int) -> tuple[RuleFacts, ...]:
        """Rules that know the port alone."""
        return self._tables.port(proto, port)

    def _protocols(self, info: FlowInfo | None) -> tuple[tuple[str, ...], tuple[Rule, ...]]:
        if info is None or not (info.protocols or info.service == STUN):
            return (), ()
        rules = tuple(self._tables.recogniser(int(number)) for number in info.protocols)
        protocols = tuple(dict.fromkeys(rule.protocol or rule.id for rule in rules))
        if info.service == STUN:
            protocols += (STUN,)
        return protocols, rules

    def _rules_of(self, names: Sequence[str], remote: str) -> tuple[Rule, ...]:
        if not remote and len(names) < 2:
            return self._known(names[0]) if names else ()
        key = (*names, remote)
        found = self._rules.get(key)
        if found is None:
            if len(self._rules) >= _CACHE:
                self._rules.clear()
            hits = [rule for name in names for rule in self._known(name)]
            if remote:
                hits += self._tables.address(remote)
            found = self._rules[key] = tuple(dict.fromkeys(hits))
        return found

    def _known(self, name: str) -> tuple[Rule, ...]:
        """Rules that know this name."""
        found = self._by_name.get(name)
        if found is None:
            if len(self._by_name) >= _CACHE:
                self._by_name.clear()
            found = self._by_name[name] = self._tables.domain(name)
        return found
