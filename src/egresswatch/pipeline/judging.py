# SPDX-License-Identifier: Apache-2.0
"""The judgement of flow records: what their destination is, by which name and rules, and the verdict.

Many records have the same things said about them. So each is reduced to what its judgement can depend on,
and the rules are asked once for each combination (``_judgement``), however many records share it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from egresswatch.detect.families import OUTER
from egresswatch.detect.verdict import SERVICE_PORTS, judge
from egresswatch.pipeline.classify import Classifier
from egresswatch.pipeline.groups import distinct
from egresswatch.pipeline.notes import Addresses
from egresswatch.pipeline.owned import Owned
from egresswatch.pipeline.perimeter import TCP, WELL_KNOWN
from egresswatch.records import AddressClass, Array, FlowInfo
from egresswatch.rules.site import Site

_INSIDE = int(AddressClass.inside)
_FACTS = attrgetter(
    "service", "server_name", "server_name_source", "ja4", "outer_name", "cert_names", "cert_from",
    "protocols",
)


class Judged(NamedTuple):
    """What the judged columns of one row say."""

    service: str
    server_name: str
    source: str
    ja4: str
    platform: str
    dest_class: str
    verdict: str
    rules: tuple[str, ...]
    named: bool


_PLAIN = Judged("", "", "none", "", "", "none", "not_monitored", (), False)
"""Of a flow of no monitored host that stays on its side of the perimeter and on which nothing was read."""


class Infos:
    """What was read on flows, by number: flows on which the same was read have one number. 0: nothing."""

    def __init__(self, infos: Mapping[int, FlowInfo]) -> None:
        numbers: dict[tuple[object, ...], int] = {}
        self.distinct: list[FlowInfo | None] = [None]
        of = np.empty(len(infos), np.int64)
        for k, (info, facts) in enumerate(zip(infos.values(), map(_FACTS, infos.values()), strict=True)):
            of[k] = number = numbers.setdefault(facts, len(self.distinct))
            if number == len(self.distinct):
                self.distinct.append(info)
        self.claims = np.array([info is not None and bool(info.cert_names) for info in self.distinct])
        """Per number: a certificate names the flow's server, if it is this one that showed it."""
        flows = np.fromiter(infos, np.uint64, len(infos))
        order = np.argsort(flows)
        self._flows, self._of = flows[order], of[order]

    def of(self, flows: Array) -> Array:
        """The number of each flow."""
        if not len(self._flows):
            return np.zeros(len(flows), np.int64)
        places = np.minimum(np.searchsorted(self._flows, flows), len(self._flows) - 1)
        return np.where(self._flows.take(places) == flows, self._of.take(places), 0)


class Judge:
    """Judges blocks of records; one per run."""

    def __init__(self, site: Site, classifier: Classifier, addresses: Addresses) -> None:
        self._site, self._classifier, self._addresses = site, classifier, addresses

    def judge(self, rows: Array, owned: Owned, infos: Infos) -> tuple[list[Judged], Array]:
        """The distinct judgements and a code per row."""
        a, b, v6 = rows["orig_class"], rows["resp_class"], rows["ver"] == 6
        crossing, outward = a + b == _INSIDE, outward_of(rows)
        near = rows["near"] != 0
        read, watched = infos.of(rows["flow"]), owned.watched

        def end(name: str, *, far: bool) -> Array:
            """A field of the inside end of each row, or of the other (``far``)."""
            return np.where(outward != far, rows[f"orig_{name}"], rows[f"resp_{name}"])

        host = end("hi", far=False), end("lo", far=False), v6
        remote = end("hi", far=True), end("lo", far=True), v6
        told = crossing | (read > 0) | watched
        near = self._named(near & told, remote)
        names, asked = self._asked(crossing, host, remote, rows["ts_flow"])
        policy = watched & self._site.given
        port = end("p", far=True)
        port[~(policy | np.isin(port, SERVICE_PORTS))] = 0  # of a port, classes know services alone
        by_remote = near | policy | infos.claims.take(read)
        flags = (told, crossing, watched, near, policy, by_remote, by_remote & v6)
        word = rows["proto"].astype(np.uint64) << np.uint64(16) | port
        for k, flag in enumerate(flags):
            word |= flag.astype(np.uint64) << np.uint64(32 + k)
        vlan = np.where(rows["vlan_tags"] > 0, rows["vlan"].astype(np.int32), -1)
        own, peer = owned.vlans.take(owned.orig), owned.vlans.take(owned.resp)
        own, peer = np.where(outward, own, peer), np.where(outward, peer, own)
        vlan = np.where(own < 0, vlan, own)
        columns = [np.where(told, word, 0), read, asked]
        if by_remote.any():
            columns += [np.where(by_remote, column, 0) for column in remote[:2]]
        if policy.any():
            columns += [np.where(policy, column, 0) for column in (host[0], host[1], vlan + 1, peer + 1)]
        groups = distinct(*columns)
        found: dict[Judged, int] = {}
        codes = np.empty(len(groups.first), np.int32)
        fields = (
            told, by_remote, policy, *host[:2], *remote, rows["proto"], port, crossing, asked, read, watched,
            vlan, peer, near,
        )  # fmt: skip
        for k, row in enumerate(zip(*(field[groups.first].tolist() for field in fields), strict=True)):
            some, by, given, *words, proto, to, cross, name, info, ours, tag, other, around = row
            one = _PLAIN
            if some:
                hi, lo, far_hi, far_lo, six = words
                one = self._judgement(
                    self._addresses.text(hi, lo, six) if given else "",
                    self._addresses.text(far_hi, far_lo, six) if by else "",
                    proto, to, cross, names[name], infos.distinct[info], ours,
                    None if tag < 0 else tag, None if other < 0 else other, around,
                )  # fmt: skip
            codes[k] = found.setdefault(one, len(found))
        return list(found), codes.take(groups.of)

    def _named(self, near: Array, remote: tuple[Array, Array, Array]) -> Array:
        """Of the rows of which an end is near a network that a rule names, those whose remote is in one."""
        places = np.flatnonzero(near)
        out = np.zeros(len(near), bool)
        if len(places):
            columns = [column[places] for column in remote]
            groups = distinct(*columns)
            words = zip(*(column[groups.first].tolist() for column in columns), strict=True)
            out[places] = np.array([self._classifier.placed(*each) for each in words]).take(groups.of)
        return out

    def _asked(
        self, crossing: Array, host: tuple[Array, ...], remote: tuple[Array, ...], ts: Array
    ) -> tuple[list[tuple[str, ...]], Array]:
        """The distinct passive names of remotes, none first, and a code per row."""
        numbers: dict[tuple[str, ...], int] = {(): 0}
        codes, table = np.zeros(len(ts), np.int64), self._classifier.names
        places = np.flatnonzero(crossing) if len(table) else codes[:0]
        hosts, of = self._texts([column[places] for column in host])
        asks = np.array([table.knows(text) for text in hosts], bool).take(of)
        places, of = places[asks], of[asks]
        remotes, to = self._texts([column[places] for column in remote])
        pairs = zip(map(hosts.__getitem__, of.tolist()), map(remotes.__getitem__, to.tolist()), strict=True)
        for k in np.flatnonzero(np.fromiter(table.known(pairs), bool, len(places))).tolist():
            names = table.names(hosts[of[k]], remotes[to[k]], int(ts[places[k]]))
            if names:
                codes[places[k]] = numbers.setdefault(names, len(numbers))
        return list(numbers), codes

    def _texts(self, columns: Sequence[Array]) -> tuple[list[str], Array]:
        """The distinct addresses of (high words, low words, is it IPv6), and a code per row."""
        groups = distinct(*columns)
        words = zip(*(column[groups.first].tolist() for column in columns), strict=True)
        return [self._addresses.text(*each) for each in words], groups.of

    def _judgement(
        self, host: str, remote: str, proto: int, port: int, crossing: bool, asked: tuple[str, ...],
        info: FlowInfo | None, monitored: bool, vlan: int | None, peer_vlan: int | None, near: bool,
    ) -> Judged:
        what = self._classifier.what(asked, remote, proto, port, crossing, info, near=near)
        answer = "silent"
        if monitored and self._site.given:
            zone = self._site.zone_of(host, vlan)
            answer = self._site.policy(zone, remote, peer_vlan, proto, port, what.all_names).answer
        named, name, source = False, "", "none"
        for text, way in what.names:
            named = named or way != OUTER
            if way != "cert" and source == "none":
                name, source = text, way
        if source == OUTER and info is not None:
            source = info.server_name_source
        return Judged(
            info.service if info else "", name, source, info.ja4 if info else "", what.platform,
            what.dest_class, judge(monitored, answer, what.dest_class),
            what.rule_ids, named,
        )


def outward_of(rows: Array) -> Array:
    """Mask: is the originator the end whose egress a row is? Of two inside ends the one that opened."""
    a, b = rows["orig_class"] == _INSIDE, rows["resp_class"] == _INSIDE
    guess = (rows["oriented"] == 0) & (rows["proto"] == TCP)
    low, high = rows["orig_p"] < WELL_KNOWN, rows["resp_p"] >= WELL_KNOWN
    mask: Array = (a & ~(b & guess & low & high)) | ~b
    return mask
