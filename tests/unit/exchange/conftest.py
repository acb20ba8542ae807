# SPDX-License-Identifier: Apache-2.0
"""A small pack with one rule of every kind of claim, and its hostile texts."""

import pytest

from egresswatch.rules.loader import load_pack

HEAD = """
  rev: 3
  title: {title}
  status: {status}
  severity: high
  confidence: high
  vendor: abc
  platform: abc/cloud
  dest_class: p2p
  purpose: cloud-api
  side: device
  references: ["https://example.org/a?b=c", "a book (page 3); see also\\"): it"]
  first_published: 2026-11-22
"""
RULES = {
    "EW-ABC-0001": (
        "Names",
        "stable",
        """
  match:
    domains: [abc.example, a_b.example]
    full_domains: [api.acb.example, eu*.acb.example]
  examples: {match: [x.abc.example, a_b.example, api.acb.example, eu1.acb.example], no_match: [nabc.example]}
""",
    ),
    "EW-ABC-0002": (
        "Networks and a port",
        "stable",
        """
  match: {nets: [192.0.2.0/25, 2001:db8:5::/48], ports: [udp/32100-32101]}
  examples: {match: [{address: 192.0.2.1}], no_match: [{address: 192.0.2.129}]}
""",
    ),
    "EW-ABC-0003": (
        "Clear bytes",
        "experimental",
        """
  protocol: abc-p2p
  match:
    payload:
    - proto: udp
      ports: [8800, 8802]
      sender: originator
      bytes: [{at: 0, hex: "f1 40", mask: "f0 ff"}, {at: 6, text: "ab|;"}]
      numbers: [{form: le16, at: 4, min: 3, max: 700}]
      length: {form: be16, at: 2, add: 4}
      min_len: 12
      max_len: 200
  examples:
    match: [{payload: "f1 40 00 0a 10 00 61 62 7c 3b 00 00 00 00", port: udp/8800}]
    no_match: [{payload: "01 40 00 0a 10 00 61 62 7c 3b 00 00 00 00", port: udp/8800}]
""",
    ),
    "EW-ABC-0004": (
        "Hidden bytes",
        "stable",
        """
  protocol: abc-hidden
  match:
    payload:
    - proto: udp
      decode: [{xor: "5a11"}, {invert: true}]
      bytes: [{at: 0, any: ["00 01 02 03", "10 11 12 13"]}]
  examples:
    match: [{payload: "a5 ef a7 ed", port: udp/9}]
    no_match: [{payload: "a5 ef a7 ee", port: udp/9}]
""",
    ),
    "EW-ABC-0005": (
        "Seen",
        "stable",
        """
  match:
    seen:
    - {kind: http_path, prefix: "/artemis/"}
    - {kind: http_path, equals: "/api/x*y"}
    - {kind: http_user_agent, contains: 'abc "cam"; (x)'}
    - {kind: rtmp}
  examples:
    match: [{seen: http_path, value: /artemis/api}]
    no_match: [{seen: http_path, value: /art}]
""",
    ),
    "EW-ABC-0006": (
        "Old",
        "deprecated",
        """
  match: {domains: [old.example]}
  examples: {match: [x.old.example], no_match: [nold.example]}
""",
    ),
    "EW-ABC-0007": (
        "Counted",
        "stable",
        """
  protocol: abc-counted
  match: {payload: [{proto: udp, bytes: [{at: 0, hex: "01 02 03 04"}], repeat: 3}]}
  examples:
    match: [{payload: "01 02 03 04", port: udp/9}]
    no_match: [{payload: "01 02 03 05", port: udp/9}]
""",
    ),
}


@pytest.fixture(scope="session")
def pack(tmp_path_factory):
    """One rule of every kind."""
    folder = tmp_path_factory.mktemp("pack")
    rules = [
        f"- id: {rule_id}{HEAD.format(title=title, status=status)}{body.lstrip(chr(10))}"
        for rule_id, (title, status, body) in RULES.items()
    ]
    vendor = "vendors:\n- {id: abc, name: Abc, references: [x]}\n"
    (folder / "abc.yaml").write_text(
        "pack: {format: 1, version: t1}\n" + vendor + "rules:\n" + "".join(rules)
    )
    return load_pack([folder], builtin=False)


@pytest.fixture(scope="session")
def rule(pack):
    """A rule by its id."""
    return {rule.id: rule for rule in pack.rules}.__getitem__
