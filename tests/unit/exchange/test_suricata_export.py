# SPDX-License-Identifier: Apache-2.0
"""Suricata rules that are written: what they say is what our rules say, and nothing of it is syntax."""

import dataclasses
import itertools
import re

import hypothesis.strategies as st
import pytest
import suricataparser
from hypothesis import given

from egresswatch.exchange import suricata, suricata_payload
from egresswatch.exchange.claims import Refused
from egresswatch.rules import payload as payloads
from egresswatch.rules.shape import Bytes, Length, Number, Payload


def parsed(text):
    return [suricataparser.parse_rule(line) for line in text.splitlines() if line.startswith("alert")]


def looks(options, data):
    """What Suricata's manual says about the packet options we use, on one packet: slow and obvious."""
    offset, pending = 0, None
    place = {}
    for option, value in options:
        if option in ("offset", "depth"):
            place[option] = int(value)
            continue
        if pending is not None:
            if data[place.get("offset", 0) :][: place["depth"]] != pending:
                return False
            pending, place = None, {}
        if option == "content":
            pending = bytes.fromhex(value.strip('"|'))
        elif option == "byte_test":
            size, sign, limit, at, *more = value.split(",")
            raw = data[int(at) : int(at) + int(size)]
            if len(raw) < int(size):
                return False
            number, limit = int.from_bytes(raw, "little" if "little" in more else "big"), int(limit, 0)
            for extra in more:
                if extra.startswith("bitmask"):
                    mask = int(extra.split()[1], 0)
                    number = (number & mask) >> ((mask & -mask).bit_length() - 1)
            if not {"=": number == limit, ">=": number >= limit, "<=": number <= limit}[sign]:
                return False
        elif option == "byte_jump":
            size, at, *more = value.split(",")
            raw = data[int(at) : int(at) + int(size)]
            if len(raw) < int(size):
                return False
            number = int.from_bytes(raw, "little" if "little" in more else "big")
            offset = int(at) + int(size) + number + int(more[-1].split()[1])
            if not 0 <= offset < len(data):
                return False
        elif option == "isdataat":
            count = value.split(",")[0]
            there = (
                (offset + int(count.strip("!")) <= len(data))
                if "relative" in value
                else int(count) < len(data)
            )
            if there == count.startswith("!"):
                return False
        elif option == "dsize":
            low, _, high = value.partition("<>")
            if high:
                sound = int(low) < len(data) < int(high)
            elif low.startswith(">"):
                sound = len(data) > int(low[1:])
            elif low.startswith("<"):
                sound = len(data) < int(low[1:])
            else:
                sound = len(data) == int(low)
            if not sound:
                return False
    return pending is None or data[place.get("offset", 0) :][: place["depth"]] == pending


def any_looks(payload, data):
    signatures = list(suricata_payload.signatures(payload))
    return any(
        looks([(o.partition(":")[0], o.partition(":")[2]) for o in options], data)
        for _, options in signatures
    )


def test_every_rule_is_read_by_the_parser_with_its_own_sid(pack):
    """suricataparser reads each line, and no sid stands twice."""
    found = parsed(suricata.export(pack).files[""])
    assert len(found) == suricata.export(pack).count
    assert all(found)
    assert len({rule.sid for rule in found}) == len(found)


def test_a_domain_is_looked_for_in_dns_tls_and_http_with_everything_below(pack):
    """dotprefix and endswith mean the name and what is below, nothing that merely ends so."""
    text = suricata.export(pack).files[""]
    lines = [line for line in text.splitlines() if '".abc.example"' in line]
    assert [line.split()[1] for line in lines] == ["dns", "tls", "http"]
    assert all("dotprefix; " in line and "endswith;" in line for line in lines)
    assert "nocase" not in lines[2]  # http.host is lower case already, Suricata refuses it there


def test_a_sid_does_not_change_when_other_rules_come_and_go(pack):
    """The sid depends on the rule and the claim only."""
    whole = {rule.raw: rule.sid for rule in parsed(suricata.export(pack).files[""])}
    fewer = dataclasses.replace(pack, rules=pack.rules[2:])
    part = {rule.raw: rule.sid for rule in parsed(suricata.export(fewer).files[""])}
    assert part
    assert part.items() <= whole.items()


def test_metadata_carries_rule_confidence_and_reference(pack):
    """Who gets the alert finds the way back to the rule and its source."""
    rule = parsed(suricata.export(pack).files[""])[0]
    assert {"ew_rule EW-ABC-0001", "confidence high", "created_at 2026_11_22"} <= set(rule.metadata)
    assert [option.value for option in rule.get_option("reference")] == ["url,example.org/a?b=c"]


def test_hostile_text_in_sources_stays_a_comment(pack):
    """No line but a comment or a whole rule, whatever titles and sources hold."""
    for line in suricata.export(pack).files[""].splitlines():
        assert not line or line.startswith("#") or suricataparser.parse_rule(line)
        if line.startswith("#"):
            assert suricataparser.parse_rule(line) is None


def test_what_cannot_be_said_is_told(pack):
    """Ports alone, counted packets and other sightings are notes, and deprecated rules too."""
    notes = {(note.subject, note.why) for note in suricata.export(pack).notes}
    assert {subject for subject, _ in notes} == {
        "EW-ABC-0002", "EW-ABC-0005", "EW-ABC-0006", "EW-ABC-0007",
    }  # fmt: skip


@pytest.mark.parametrize("rule_id", ["EW-ABC-0003", "EW-ABC-0004"])
def test_a_payload_means_the_same_on_the_rules_own_examples(rule, rule_id):
    """What matches here matches there, and the near miss does not."""
    (item,) = rule(rule_id).match.payload
    assert any_looks(item, rule(rule_id).match_examples[0].payload)
    assert not any_looks(item, rule(rule_id).no_match_examples[0].payload)


BYTE = st.integers(0, 255)
CONDITIONS = st.builds(
    lambda at, pairs: Bytes(at, bytes(v & m for v, m in pairs), bytes(m for _, m in pairs)),
    st.integers(0, 6),
    st.lists(st.tuples(BYTE, st.sampled_from([0xFF, 0xFF, 0xF0, 0x3C])), min_size=1, max_size=4),
)
PAYLOADS = st.builds(
    lambda condition, number, length, limits: Payload(
        17, (), (condition,), length, min(limits), max(limits), numbers=(number,) if number else ()
    ),
    CONDITIONS,
    st.none()
    | st.builds(
        lambda form, at, low: Number(form, at, low, low + 9),
        st.sampled_from(["u8", "be16", "le16", "be24"]),
        st.integers(0, 6),
        st.integers(0, 200),
    ),
    st.none()
    | st.builds(Length, st.sampled_from(["u8", "be16", "le16"]), st.integers(0, 6), st.integers(0, 9)),
    st.tuples(st.integers(0, 12), st.integers(12, 30)),
)


@given(PAYLOADS, st.lists(BYTE, min_size=1, max_size=24), st.integers(0, 40))
def test_a_payload_means_the_same_on_any_bytes(payload, noise, size):
    """Our plain reading and the options agree on packets made to come close."""
    data = bytearray((noise * 8)[: max(size, 1)])
    for part in payload.bytes:
        for at, (value, mask) in enumerate(zip(part.value, part.mask, strict=True), part.at):
            if at < len(data) and noise[0] % 8:
                data[at] = data[at] & ~mask & 255 | value
    if payload.length is not None and noise[-1] % 4:
        _, width, order = payloads.FORMS[payload.length.form]
        told = len(data) - payload.length.add
        if 0 <= told < 256 and payload.length.at + width <= len(data):
            data[payload.length.at : payload.length.at + width] = told.to_bytes(width, order)
    expected = payloads.holds(payload, 17, 1, 2, bytes(data), len(data))
    assert any_looks(payload, bytes(data)) == expected


def test_too_many_alternatives_are_refused():
    """A rule that would become thousands is told, not written."""
    many = Bytes(0, b"\0", b"\xff", tuple(bytes((n,)) for n in range(1, 100)))
    with pytest.raises(Refused, match="would take"):
        list(suricata_payload.signatures(Payload(17, (), (many, Bytes(1, b"a", b"\xff", (b"b",))))))


def test_a_number_behind_hiding_is_refused(rule):
    """A range of hidden bytes is no range of plain ones."""
    (item,) = rule("EW-ABC-0004").match.payload
    with pytest.raises(Refused, match="hidden"):
        list(suricata_payload.signatures(dataclasses.replace(item, length=Length("be16", 0, 0))))


def test_content_quotes_everything_unusual():
    """Quotes, bars, backslashes, semicolons and colons go as hex."""
    for text in itertools.permutations('";|\\:', 2):
        option = suricata.content("a" + "".join(text))
        assert re.fullmatch(r'content:"a\|[0-9A-F]{2} [0-9A-F]{2}\|"', option)
