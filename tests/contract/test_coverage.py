# SPDX-License-Identifier: Apache-2.0
"""Every known fact is answered by the rule pack: docs/facts.csv and docs/rules.md say what is true today.

The table of questions is part of the repository, so they are asked anywhere; whether it is complete is
checked where the fact files are (EGRESSWATCH_INTEL, or beside the captures of the project).
"""

import os
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

from egresswatch.rules import load_tables

ROOT = Path(__file__).parents[2]
INTEL = Path(os.environ.get("EGRESSWATCH_INTEL", ROOT.parent / "shared" / "reference" / "intel"))
FILES = ("endpoints", "p2p_protocols", "vendors", "ouis", "device_fingerprints")
LEVELS = ("low", "medium", "high")
SEEN_SINCE = ("mydlink.com", "x.mydlink.com", "n-devs.tplinkcloud.com")
"""Names whose rules cite public captures beside the facts' source: surer than that source alone."""
COMPUTED = ("b196ec02", "2c8ab914", "9f912a19", "4985f1a0", "4c6f8d0c", "6e4c9d8c", "2e0d8dac")
"""How payloads begin that were computed from a published algorithm and not seen on a wire."""


@pytest.fixture(scope="module")
def scripts():
    """scripts/ as importable modules, as the scripts see each other."""
    sys.path.insert(0, str(ROOT / "scripts"))
    import facts
    import facts_intel
    import write_docs

    yield {"facts": facts, "facts_intel": facts_intel, "write_docs": write_docs}
    sys.path.remove(str(ROOT / "scripts"))


@pytest.fixture(scope="module")
def facts(scripts):
    return scripts["facts"]


@pytest.fixture(scope="module")
def tables():
    return load_tables()


@pytest.fixture(scope="module")
def asked(facts, tables):
    """Every question of the table, answered anew."""
    return facts.asked_again(tables, facts.read())


def test_the_table_says_what_the_pack_answers(facts, asked):
    """docs/facts.csv is what ``scripts/facts.py`` writes (make docs)."""
    pairs = zip(facts.read(), asked, strict=True)
    assert [(old.entry, old.answer, new.answer) for old, new in pairs if old != new] == []
    assert facts.text(asked) == facts.TABLE.read_text(encoding="utf-8")


def test_every_sure_fact_is_answered(asked):
    """High and medium confidence: reachable by a rule, a recogniser, a fingerprint or a table."""
    assert [fact for fact in asked if fact.confidence != "low" and not fact.answer] == []


def test_every_file_of_facts_is_asked(asked):
    """No kind of fact was forgotten."""
    counts = Counter(fact.file for fact in asked)
    assert set(counts) == set(FILES)
    assert min(counts.values()) > 60


def test_shared_hosting_never_alerts(facts, tables):
    """Clouds that everybody rents are known, and known not to name anybody."""
    remarks = list(facts.remarks(tables, facts.read()))
    assert [line for line in remarks if "would alert" in line] == []
    assert len(remarks) < 10, remarks


def test_no_rule_is_surer_than_its_source(facts, tables):
    """Of a name, or of one that it lies under: a weak source makes no high confidence."""
    rows = [fact for fact in facts.read() if fact.file == "endpoints" and fact.ask == "name"]
    sure = {fact.probe: LEVELS.index(fact.confidence) for fact in rows}
    odd = []
    for fact in rows:
        labels = fact.probe.split(".")
        known = max(sure.get(".".join(labels[at:]), 0) for at in range(len(labels)))
        found = facts.answers(tables, fact)
        if found and LEVELS.index(found[0].rule.confidence) > known and fact.probe not in SEEN_SINCE:
            odd.append((fact.probe, found[0].id, fact.confidence))
    assert odd == []


def test_computed_bytes_are_experimental(facts, tables, asked):
    """What nobody has seen on a wire yet says so."""
    rows = [fact for fact in asked if fact.ask == "payload" and fact.probe.split(" ")[1].startswith(COMPUTED)]
    assert len(rows) >= len(COMPUTED)
    for fact in rows:
        assert {item.rule.status for item in facts.answers(tables, fact)} == {"experimental"}, fact


def test_what_is_left_out_has_a_reason():
    """Each with its file, its entry and a sentence."""
    hand = yaml.safe_load((ROOT / "docs" / "facts.yaml").read_text(encoding="utf-8"))
    for item in hand["left_out"]:
        assert item["file"] in FILES
        assert len(item["reason"]) > 40


def test_the_page_is_generated(scripts):
    """docs/rules.md is what `make docs` writes."""
    page, docs = "docs/rules.md", scripts["write_docs"]
    assert docs.rewritten(page, docs.PARTS[page]) == (ROOT / page).read_text(encoding="utf-8")


def test_a_question_without_answer_is_told(facts, tables):
    """The asking itself can fail: made-up facts are not answered."""
    made_up = [
        facts.Fact("endpoints", "x", "high", "name", "nobody.example", ""),
        facts.Fact("endpoints", "x", "high", "name", "x.hik-connect.com", "axis"),
        facts.Fact("endpoints", "x", "high", "address", "192.0.2.1", ""),
        facts.Fact("endpoints", "x", "high", "port", "tcp/1", ""),
        facts.Fact("p2p_protocols", "x", "high", "payload", "udp/1 00", ""),
        facts.Fact("p2p_protocols", "x", "high", "parser", "udp/1 00", ""),
        facts.Fact("p2p_protocols", "x", "high", "seen", "http_path /nothing", ""),
        facts.Fact("vendors", "x", "high", "maker", "nobody", ""),
        facts.Fact("vendors", "x", "high", "jurisdiction", "axis CN", ""),
        facts.Fact("vendors", "x", "high", "parent", "axis hikvision", ""),
        facts.Fact("vendors", "x", "high", "lists", "axis 1", ""),
        facts.Fact("vendors", "x", "high", "brand", "Axis", "hikvision"),
        facts.Fact("vendors", "x", "high", "uses", "Axis", "throughtek"),
        facts.Fact("vendors", "x", "high", "remark", "axis nothing", ""),
        facts.Fact("ouis", "x", "high", "oui", "020000", ""),
        facts.Fact("device_fingerprints", "x", "high", "fingerprint", "http_server Apache", ""),
        facts.Fact("device_fingerprints", "x", "high", "fingerprint", "served_port tcp/37777", ""),
    ]
    assert {fact.ask for fact in made_up} == set(facts.ASKED)
    assert [fact.answer for fact in facts.asked_again(tables, made_up)] == [""] * len(made_up)


def test_texts_that_fit_a_pattern(scripts):
    """Each alternative of a pattern once; what is optional both ways when it is more than a character."""
    samples = scripts["facts_intel"].samples
    assert samples(r"^(?:Alpha|Beta)-Webs$") == ["Alpha-Webs", "Beta-Webs"]
    assert samples(r"^Login( again)? to [0-9]{3,20}$") == ["Login to 000", "Login again to 000"]
    assert samples(r"(?i)^x\.y[\s_-]?z") == ["x.yz"]


@pytest.fixture(scope="module")
def intel():
    if not INTEL.is_dir():
        pytest.skip(f"no fact files at {INTEL}: whether docs/facts.csv is complete is NOT checked")
    return INTEL


def test_no_fact_is_missing(scripts, facts, tables, intel):
    """The questions are those that the fact files give, and no others."""
    wanted = [fact._replace(answer="") for fact in scripts["facts_intel"].facts_of(intel, tables)]
    assert [fact._replace(answer="") for fact in facts.read()] == wanted


def test_every_prefix_is_known(scripts, tables, intel):
    """All MAC prefixes of the fact files, not only the first and last that the table asks for."""
    assert scripts["facts_intel"].missing_prefixes(intel, tables) == []
