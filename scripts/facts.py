# SPDX-License-Identifier: Apache-2.0
"""Which known fact is answered by which rule: asks the compiled pack about every fact of docs/facts.csv.

    scripts/facts.py                 asks again, writes the answers into docs/facts.csv
    scripts/facts.py --check         only says what differs; exit status 1 when something does
    scripts/facts.py --intel DIR     makes the table anew from a folder of fact files (see facts_intel.py)
    scripts/facts.py --open FILE     also writes what nothing answers, and what answers oddly

A row of docs/facts.csv is one question that a fact allows: a name, an address, a port, bytes, a text
seen on the wire, a MAC prefix, a maker. ``want`` is the maker the answer must speak of. Facts that
cannot be asked stand in docs/facts.yaml with the reason.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "src"))

from egresswatch.patterns import Parser  # noqa: E402  (the checkout's own package, not an installed one)
from egresswatch.rules import MatchTables, load_tables  # noqa: E402
from egresswatch.rules.examples import found_by  # noqa: E402
from egresswatch.rules.makers import Fingerprint, chain, named  # noqa: E402
from egresswatch.rules.model import PROTOS, Example, Rule  # noqa: E402
from egresswatch.rules.shape import SENDERS  # noqa: E402
from egresswatch.sniff import probes  # noqa: E402

TABLE = ROOT / "docs" / "facts.csv"
EPHEMERAL = 49152
HINT = """# Not answered by the pack. A probe that does not fit the form of a rule (a sighting's value, an
# open byte) may be replaced in docs/facts.yaml under probes; what cannot be asked goes to left_out there.
"""


class Fact(NamedTuple):
    """One row: where the fact stands, what is asked, and what answered."""

    file: str
    entry: str
    confidence: str
    ask: str
    probe: str
    want: str
    purpose: str = ""
    side: str = ""
    answer: str = ""


class Answer(NamedTuple):
    """Something of the pack that speaks up: its id, its maker, and the rule when it is one."""

    id: str
    vendor: str = ""
    rule: Rule | None = None


def answers(tables: MatchTables, fact: Fact) -> list[Answer]:
    """Everything that answers the fact's question and speaks of the wanted maker, best first."""
    found = ASKED[fact.ask](tables, fact.probe)
    return [item for item in found if not fact.want or related(tables, item.vendor, fact.want)]


def related(tables: MatchTables, one: str, other: str) -> bool:
    """The same maker, or one belongs to the other."""
    owners = [{vendor.id for vendor in chain(tables.vendors, maker)} | {maker} for maker in (one, other)]
    return other in owners[0] or one in owners[1]


def _of_rules(rules: Sequence[Rule]) -> list[Answer]:
    return [Answer(rule.id, rule.vendor, rule) for rule in rules]


def _port(tables: MatchTables, probe: str) -> list[Answer]:
    proto, _, port = probe.partition("/")
    return _of_rules(tables.port(PROTOS[proto], int(port)))


def _observed(probe: str) -> tuple[int, int, bytes, int]:
    """``udp/8800 "text"`` or ``tcp/8000 0a0b 0c len=40`` as protocol, port, bytes, length as sent."""
    place, _, rest = probe.partition(" ")
    proto, _, port = place.partition("/")
    rest, _, size = rest.partition(" len=")
    data = rest[1:-1].encode() if rest.startswith('"') else bytes.fromhex(rest)
    return PROTOS[proto], int(port), data, int(size) if size else len(data)


def _payload(tables: MatchTables, probe: str) -> list[Answer]:
    """Whoever sends it: a source seldom says which end began the flow."""
    proto, port, data, length = _observed(probe)
    hits: dict[Rule, None] = {}
    for sender in SENDERS.values():
        seen = Example("payload", proto=proto, port=port, payload=data, length=length, sender=sender)
        hits.update(dict.fromkeys(found_by(tables, seen)))
    return _of_rules(list(hits))


def _parser(_: MatchTables, probe: str) -> list[Answer]:
    """A protocol that the program itself reads: what it says becomes sightings."""
    proto, port, data, length = _observed(probe)
    found = probes.match(probes.BUILTIN, proto, EPHEMERAL, port, data, length)
    return [Answer(f"parser {Parser(number).name.lower()}") for number in found]


def _seen(tables: MatchTables, probe: str) -> list[Answer]:
    kind, _, value = probe.partition(" ")
    return _of_rules([tables.recogniser(index) for index in tables.seen(kind, value)])


def _fingerprint(tables: MatchTables, probe: str) -> list[Answer]:
    """``http_server Webs``, or several of one host: ``served_port tcp/8000 + served_port tcp/554``. What
    has several conditions answers only when all of them were shown."""
    shown: dict[str, set[int]] = {}
    hits: dict[str, Fingerprint] = {}
    for one in probe.split(" + "):
        kind, _, value = one.partition(" ")
        for item in tables.fingerprints(kind, value):
            hits.setdefault(item.id, item)
            shown.setdefault(item.id, set()).add(item.part)
    return [Answer(item.id, item.vendor) for item in hits.values() if len(shown[item.id]) == item.parts]


def _oui(tables: MatchTables, probe: str) -> list[Answer]:
    hit = tables.oui(int(probe.ljust(12, "0"), 16))
    return [] if hit is None else [Answer(f"oui {hit.vendor} ({hit.registrant})", hit.vendor)]


def _vendor(tables: MatchTables, probe: str) -> list[Answer]:
    found = tables.vendor(probe)
    return [] if found is None else [Answer(f"maker {found.id}", found.id)]


def _jurisdiction(tables: MatchTables, probe: str) -> list[Answer]:
    maker, _, country = probe.partition(" ")
    found = tables.vendor(maker)
    right = found is not None and found.jurisdiction == country
    return [Answer(f"maker {maker}", maker)] if right else []


def _parent(tables: MatchTables, probe: str) -> list[Answer]:
    """``ezviz hikvision``: the first belongs to the second."""
    maker, _, owner = probe.partition(" ")
    found = tables.vendor(maker)
    owners = {vendor.id for vendor in chain(tables.vendors, maker)}
    return [Answer(f"maker {maker}", maker)] if found is not None and owner in owners else []


def _lists(tables: MatchTables, probe: str) -> list[Answer]:
    """``hikvision 4``: so many public lists name the maker, each with its source."""
    maker, _, number = probe.partition(" ")
    found = tables.vendor(maker)
    enough = found is not None and len(found.lists) >= int(number)
    return [Answer(f"maker {maker}", maker)] if enough else []


def _brand(tables: MatchTables, probe: str) -> list[Answer]:
    """``Annke``: a name under which a maker's devices are sold; the answer speaks of who makes them."""
    found = named(tables.vendors, probe)
    return [] if found is None else [Answer(f"brand {found.id}", made.vendor) for made in found.made_by]


def _uses(tables: MatchTables, probe: str) -> list[Answer]:
    """``Wyze``: whose devices speak a protocol or use a platform that the wanted company licenses."""
    found = named(tables.vendors, probe)
    return [] if found is None else [Answer(f"maker {found.id}", used.vendor) for used in found.uses]


def _remark(tables: MatchTables, probe: str) -> list[Answer]:
    """``hikvision Infovision``: what is told of a maker in words names this."""
    maker, _, word = probe.partition(" ")
    found = tables.vendor(maker)
    told = () if found is None else found.remarks
    return [Answer(f"maker {maker}: {item.topic}", maker) for item in told if word in item.text]


ASKED: dict[str, Callable[[MatchTables, str], list[Answer]]] = {
    "name": lambda tables, probe: _of_rules(tables.domain(probe)),
    "address": lambda tables, probe: _of_rules(tables.address(probe)),
    "port": _port,
    "payload": _payload,
    "parser": _parser,
    "seen": _seen,
    "fingerprint": _fingerprint,
    "oui": _oui,
    "maker": _vendor,
    "jurisdiction": _jurisdiction,
    "parent": _parent,
    "lists": _lists,
    "brand": _brand,
    "uses": _uses,
    "remark": _remark,
}


def read(path: Path = TABLE) -> list[Fact]:
    with path.open(encoding="utf-8", newline="") as file:
        return [Fact(**row) for row in csv.DictReader(file)]


def text(facts: Sequence[Fact]) -> str:
    """The table as it stands in the repository."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(Fact._fields)
    writer.writerows(facts)
    return out.getvalue()


def asked_again(tables: MatchTables, facts: Sequence[Fact]) -> list[Fact]:
    """The facts with what answers them today; an empty answer is a gap."""
    told = []
    for fact in facts:
        found = answers(tables, fact)
        told.append(fact._replace(answer=found[0].id if found else ""))
    return told


def remarks(tables: MatchTables, facts: Sequence[Fact]) -> Iterator[str]:
    """Facts that something answers, but with another purpose or another side than the source says."""
    for fact in facts:
        found = answers(tables, fact)
        rule = found[0].rule if found else None
        if rule is None:
            continue
        if fact.purpose and rule.purpose != fact.purpose:
            yield f"{fact.entry}: {rule.id} says purpose {rule.purpose}, the source {fact.purpose}"
        if fact.side and rule.side not in (fact.side, "both"):
            yield f"{fact.entry}: {rule.id} says side {rule.side}, the source {fact.side}"
        if fact.purpose == "generic-cloud" and rule.dest_class in ("vendor_cloud", "p2p"):
            yield f"{fact.entry}: {rule.id} would alert on hosting that everybody shares"


def main() -> int:
    parser = argparse.ArgumentParser(description="Which fact is answered by which rule.")
    parser.add_argument("--intel", type=Path, help="folder of fact files: make the table anew")
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 when something differs")
    parser.add_argument("--open", type=Path, help="write what is not answered to this file")
    parser.add_argument("--rules", type=Path, action="append", help="further rules")
    chosen = parser.parse_args()
    tables = load_tables(chosen.rules or [])
    if chosen.intel:
        from facts_intel import facts_of

        facts = facts_of(chosen.intel, tables)
    else:
        facts = read()
    told = asked_again(tables, facts)
    gaps = [fact for fact in told if not fact.answer]
    counted = [fact for fact in gaps if fact.confidence != "low"]
    open_ = f"{len(gaps)} without an answer, {len(counted)} of them of high or medium confidence"
    print(f"{len(told)} questions, {open_}")
    if chosen.open:
        lines = [
            f"{fact.file}: {fact.entry} [{fact.confidence}] {fact.ask} {fact.probe!r} {fact.want or 'any'}"
            for fact in sorted(gaps, key=lambda fact: (fact.confidence == "low", fact.file))
        ]
        chosen.open.write_text("\n".join([HINT, *lines, "", *remarks(tables, told), ""]), encoding="utf-8")
    if chosen.check:
        changed = TABLE.read_text(encoding="utf-8") != text(told)
        print("docs/facts.csv " + ("is not what the pack answers today" if changed else "is up to date"))
        return int(changed or bool(counted))
    TABLE.write_text(text(told), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
