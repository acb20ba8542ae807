# SPDX-License-Identifier: Apache-2.0
"""Flow rows and sightings: held until their hour of packet time closes, then judged and written.

A row is judged with what is known when its hour closes (or the input ends), so that a host that shows
itself as a camera only in its second minute has its first minute judged as well. Live and replay close
the same hours. Bounded by ``output.max_held_rows``: a fuller hour is judged early.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from egresswatch.config import Settings
from egresswatch.detect.families import OUTER
from egresswatch.detect.verdict import judge
from egresswatch.enrich.asset import Asset
from egresswatch.enrich.geo import Geo
from egresswatch.enrich.register import Register
from egresswatch.pipeline import columns
from egresswatch.pipeline.blind import BlindFlows
from egresswatch.pipeline.classify import Classifier
from egresswatch.pipeline.held import Held
from egresswatch.pipeline.notes import Addresses
from egresswatch.pipeline.perimeter import directions, opener
from egresswatch.pipeline.sums import Sums
from egresswatch.pipeline.watched import Networks
from egresswatch.records import Array, Direction, EndReason, FlowInfo, Outcome
from egresswatch.rules.site import Site
from egresswatch.sinks.parquet import Coded, FlowWriter, SightingWriter

_END = [EndReason(k).name if k else "" for k in range(6)]
_OUTCOME = [Outcome(k).name if k else "" for k in range(5)]
_INSIDE = 1
_BLOCK = 1 << 16
"""Rows judged at a time: bounds the memory that their texts take."""


class HeldSighting(NamedTuple):
    """A sighting whose host may still get its name."""

    ts: int
    frame: int
    uid: int
    kind: str
    value: str
    detail: str
    host: str
    mac: int


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


class Rows:
    """The hold and the way out of it, and what is summed up on the way."""

    def __init__(
        self, settings: Settings, site: Site, register: Register, classifier: Classifier, geo: Geo,
        networks: Networks, flows: FlowWriter | None, sightings: SightingWriter | None,
    ) -> None:
        self._site, self._register, self._classifier, self._geo = site, register, classifier, geo
        self._flows, self._sightings_out = flows, sightings
        self._max = settings.output.max_held_rows
        self._held = Held()
        self._sightings: list[HeldSighting] = []
        self._infos: dict[int, FlowInfo] = {}
        self._addresses = Addresses()
        self._networks = networks
        self.sums = Sums()
        self.blind = BlindFlows()

    def hold(self, rows: Array) -> None:
        """Keep records (a row without packets only says that its flow ended, unless it missed bytes)."""
        told = rows["orig_pkts"] + rows["resp_pkts"] + rows["orig_missed"] + rows["resp_missed"] > 0
        rows = rows[told]
        if len(rows):
            self._held.add(rows)

    def learn(self, flow: int, info: FlowInfo) -> None:
        """What was read on a flow; the object goes on changing while the flow lives."""
        self._infos[flow] = info

    def sight(self, sighting: HeldSighting) -> None:
        """Keep a sighting."""
        self._sightings.append(sighting)

    @property
    def full(self) -> bool:
        """More is held than should be."""
        return len(self._held) >= self._max or len(self._sightings) >= self._max

    def held(self, words: Sequence[int]) -> list[Array]:
        """Records that are still held of hosts with these low address words, oldest first."""
        return self._held.of(words)

    def info(self, flow: int) -> FlowInfo | None:
        """What was read on a flow whose rows are held."""
        return self._infos.get(flow)

    def flush(self, live: set[int] | None = None) -> None:
        """Judge and write everything held. ``live``: flows whose infos must be kept."""
        if len(self._held):
            rows = self._held.take()
            order = np.lexsort((rows["seq"], rows["uid"], rows["ts"]))
            for start in range(0, len(rows), _BLOCK):
                self._write(rows[order[start : start + _BLOCK]])
        self._infos = {flow: self._infos[flow] for flow in sorted(live or ()) if flow in self._infos}
        if self._sightings and self._sightings_out is not None:
            held = sorted(self._sightings, key=lambda s: (s.ts, s.frame))
            self._sightings_out.write({
                "ts": [s.ts for s in held],
                "uid": columns.uids(np.array([s.uid for s in held], np.uint64)),
                "kind": [s.kind for s in held],
                "value": [s.value for s in held],
                "detail": [s.detail for s in held],
                "asset": [self._asset_id(s.host, s.mac) for s in held],
            })  # fmt: skip
        self._sightings = []

    def _asset_id(self, host: str, mac: int) -> str:
        asset = self._register.asset(host, mac) if host else None
        return asset.asset_id if asset is not None else ""

    # --- one block of rows ------------------------------------------------------------------------
    def _write(self, rows: Array) -> None:
        ends = columns.Ends(rows, self._addresses)
        assets, orig_asset = self._assets(rows, ends, "orig")
        assets_resp, resp_asset = self._assets(rows, ends, "resp")
        judged, codes = self._judge(rows, ends, assets, orig_asset, assets_resp, resp_asset)
        direction = directions(rows)
        self.blind.count(
            rows, direction, ends, [one.named for one in judged], codes, (assets, orig_asset),
            (assets_resp, resp_asset),
        )
        self.sums.count(
            rows, [one.verdict for one in judged], codes, (assets, orig_asset), (assets_resp, resp_asset)
        )
        if self._flows is None:
            return
        geo = [self._geo.lookup(text) for text in ends.texts]
        has_ports = rows["has_ports"] == 0
        protos, proto_codes = columns.coded(rows["proto"], columns.proto_name)
        out: dict[str, Any] = {
            "uid": columns.uids(rows["uid"]), "seq": rows["seq"],
            "community_id": columns.community_column(rows),
            "ts": rows["ts"], "ts_end": rows["ts_end"],
            "vlan": np.ma.MaskedArray(rows["vlan"], rows["vlan_tags"] < 1),
            "inner_vlan": np.ma.MaskedArray(rows["inner_vlan"], rows["vlan_tags"] < 2),
            "orig_h": Coded(ends.texts, ends.orig), "resp_h": Coded(ends.texts, ends.resp),
            "orig_p": np.ma.MaskedArray(rows["orig_p"], has_ports),
            "resp_p": np.ma.MaskedArray(rows["resp_p"], has_ports),
            "proto": Coded(protos, proto_codes),
            "orig_pkts": rows["orig_pkts"], "resp_pkts": rows["resp_pkts"],
            "orig_ip_bytes": rows["orig_ip_bytes"], "resp_ip_bytes": rows["resp_ip_bytes"],
            "orig_l2_addr": columns.macs(rows["orig_mac"]),
            "resp_l2_addr": columns.macs(rows["resp_mac"]),
            "orig_tcp_flags": rows["orig_flags"], "resp_tcp_flags": rows["resp_flags"],
            "orig_missed_bytes": rows["orig_missed"], "resp_missed_bytes": rows["resp_missed"],
            "end_reason": Coded(_END, rows["end"].astype(np.int32)),
            "outcome": Coded(_OUTCOME, rows["outcome"].astype(np.int32)),
            "service": Coded([j.service for j in judged], codes),
            "server_name": Coded([j.server_name for j in judged], codes),
            "server_name_source": Coded([j.source for j in judged], codes),
            "ja4": Coded([j.ja4 for j in judged], codes),
            "direction": Coded(["", *(d.name for d in Direction)], direction),
            "orig_asset": Coded([a.asset_id for a in assets], orig_asset),
            "resp_asset": Coded([a.asset_id for a in assets_resp], resp_asset),
            "platform": Coded([j.platform for j in judged], codes),
            "dest_class": Coded([j.dest_class for j in judged], codes),
            "verdict": Coded([j.verdict for j in judged], codes),
            "rule_ids": Coded([list(j.rules) for j in judged], codes),
            "resp_cc": Coded([hit.cc for hit in geo], ends.resp),
            "resp_asn": Coded([hit.asn for hit in geo], ends.resp),
            "resp_as_org": Coded([hit.as_org for hit in geo], ends.resp),
        }  # fmt: skip
        self._flows.write(out)

    def _assets(self, rows: Array, ends: columns.Ends, end: str) -> tuple[list[Asset], Array]:
        """Distinct assets of one end and a code per row (-1 = none): inside ends only."""
        code = ends.orig if end == "orig" else ends.resp
        macs, mac_codes = np.unique(rows[f"{end}_mac"], return_inverse=True)
        pairs, inverse = np.unique(code * len(macs) + mac_codes.reshape(-1), return_inverse=True)
        inside = np.zeros(len(pairs), bool)
        inside[inverse.reshape(-1)] = rows[f"{end}_class"] == _INSIDE
        places: dict[int, int] = {}
        assets: list[Asset] = []
        of_pair = np.full(len(pairs), -1, np.int32)
        for k in np.flatnonzero(inside).tolist():
            text, mac = ends.texts[int(pairs[k]) // len(macs)], int(macs[int(pairs[k]) % len(macs)])
            asset = self._register.asset(text, mac)
            if asset is not None:
                of_pair[k] = places.setdefault(id(asset), len(assets))
                if of_pair[k] == len(assets):
                    assets.append(asset)
        return assets, of_pair[inverse.reshape(-1)]

    def _judge(
        self, rows: Array, ends: columns.Ends, orig_assets: list[Asset], orig_codes: Array,
        resp_assets: list[Asset], resp_codes: Array,
    ) -> tuple[list[Judged], Array]:
        """The distinct judgements and a code per row."""
        flows = rows["flow"].tolist()
        fields = {
            name: rows[name].tolist()
            for name in (
                "orig_class", "resp_class", "orig_p", "resp_p", "proto", "ts_flow", "vlan", "vlan_tags",
                "oriented",
            )
        }
        near = self._networks.near(rows["orig_lo"], rows["resp_lo"], rows["ver"] == 6).tolist()
        orig_text, resp_text = ends.orig.tolist(), ends.resp.tolist()
        orig_asset, resp_asset = orig_codes.tolist(), resp_codes.tolist()
        found: dict[Judged, int] = {}
        codes = np.empty(len(rows), np.int32)
        for k, flow in enumerate(flows):
            info = self._infos.get(flow)
            a, b = fields["orig_class"][k], fields["resp_class"][k]
            ports = fields["orig_p"][k], fields["resp_p"][k]
            outward = a == _INSIDE or b != _INSIDE
            if a == b == _INSIDE:
                outward = opener(0, bool(fields["oriented"][k]), fields["proto"][k], ports) == 0
            host, remote = (orig_text[k], resp_text[k]) if outward else (resp_text[k], orig_text[k])
            port = ports[1] if outward else ports[0]
            crossing = a + b == _INSIDE
            asset = _monitored(orig_assets, orig_asset[k]) or _monitored(resp_assets, resp_asset[k])
            if not crossing and info is None and asset is None:
                one = _PLAIN
            else:
                vlan = fields["vlan"][k] if fields["vlan_tags"][k] else None
                vlans = _vlan(orig_assets, orig_asset[k]), _vlan(resp_assets, resp_asset[k])
                own, peer = vlans if outward else (vlans[1], vlans[0])
                one = self._judgement(
                    ends.texts[host], ends.texts[remote], fields["proto"][k], port, crossing,
                    fields["ts_flow"][k], info, asset is not None, vlan if own is None else own, peer,
                    near[k],
                )
            codes[k] = found.setdefault(one, len(found))
        return list(found), codes

    def _judgement(
        self, host: str, remote: str, proto: int, port: int, crossing: bool, ts: int,
        info: FlowInfo | None, monitored: bool, vlan: int | None, peer_vlan: int | None, near: bool,
    ) -> Judged:
        what = self._classifier.classify(
            host, remote, proto, port, crossing, ts, info, near=near
        )
        answer = "silent"
        if monitored and self._site.given:
            zone = self._site.zone_of(host, vlan)
            answer = self._site.policy(zone, remote, peer_vlan, proto, port, what.all_names).answer
        named = any(source != OUTER for _, source in what.names)
        told = [pair for pair in what.names if pair[1] != "cert"]
        name, source = told[0] if told else ("", "none")
        if source == OUTER and info is not None:
            source = info.server_name_source
        return Judged(
            info.service if info else "", name, source, info.ja4 if info else "", what.platform,
            what.dest_class, judge(monitored, answer, what.dest_class),
            tuple(rule.id for rule in what.rules), named,
        )


_PLAIN = Judged("", "", "none", "", "", "none", "not_monitored", (), False)


def _vlan(assets: list[Asset], code: int) -> int | None:
    return assets[code].vlan if code >= 0 else None


def _monitored(assets: list[Asset], code: int) -> Asset | None:
    return assets[code] if code >= 0 and assets[code].monitored else None
