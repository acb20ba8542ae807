# SPDX-License-Identifier: Apache-2.0
"""The door for text: names are names, comments end nothing, quoting is read back by real parsers."""

import re
import tomllib
import uuid

import hypothesis.strategies as st
import pytest
import yaml
from hypothesis import given

from egresswatch.exchange import plain
from egresswatch.exchange.claims import Refused
from egresswatch.exchange.yamltext import document, quoted
from egresswatch.rules.loader import read_document
from egresswatch.rules.nodes import Notes

HOSTILE = [
    "",
    ".",
    "a",
    "a..b",
    "-a.b",
    "a b.example",
    'a".example',
    "a\n.example",
    "1.2.3.4",
    "a.1",
    "x" * 64 + ".de",
    "a." * 140 + "de",
    "*.a.example",
    "a.example;drop",
    "ä.example",
    "a.example/x",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_no_name_is_refused(text):
    """Addresses, spaces, quotes, too long labels."""
    with pytest.raises(Refused):
        plain.name(text)


def test_names_are_lower_case_without_the_last_dot():
    """As our rules have them; a single label only when nothing below is meant."""
    assert plain.name(" A_b.Example. ") == "a_b.example"
    assert plain.name("localhost", whole=True) == "localhost"


@pytest.mark.parametrize("text", ["192.0.2.0/33", "0.0.0.0/0", "::/0", "a", "1.2.3.4 ", "1.2.3.4; drop"])
def test_networks_are_networks(text):
    """Everything there is and anything else is refused; blanks around are not."""
    if text.strip() == "1.2.3.4":
        assert plain.network(text) == "1.2.3.4/32"
    else:
        with pytest.raises(Refused):
            plain.network(text)


@given(st.text(max_size=300))
def test_words_hold_no_quote_no_line_end_no_backslash(text):
    """Whatever comes in, one short harmless line comes out."""
    out = plain.words(text)
    assert len(out) <= 120
    assert out.isascii()
    assert out.isprintable()
    assert not set(out) & set("\"'\\;`$|{}&")


@given(st.text(max_size=80))
def test_a_word_is_never_empty_and_always_a_slug(text):
    """For identifiers."""
    out = plain.word(text)
    assert 0 < len(out) <= 64
    assert set(out) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


@given(st.text())
def test_quoted_text_is_read_back_by_yaml_and_toml(text):
    """The same text, whatever it holds; half a surrogate pair alone becomes U+FFFD or a question mark."""
    assert yaml.safe_load(quoted(text)) == text
    assert tomllib.loads(f"a = {quoted(text)}")["a"] == text


def test_a_lone_surrogate_does_not_raise():
    """JSON can hold one, UTF-8 cannot."""
    assert yaml.safe_load(quoted("a\ud800b")) == "a?b"


KEYS = st.from_regex(r"[a-z][a-z|]{0,5}", fullmatch=True)


@given(
    st.recursive(
        st.text(max_size=9) | st.integers(-99, 99) | st.booleans(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
        max_leaves=12,
    )
)
def test_a_document_is_read_back_as_it_was(value):
    """By PyYAML and by our own strict reader, which gives lines beside the values."""
    text = document({"top": value})
    assert yaml.safe_load(text) == {"top": value}
    notes = Notes()
    assert read_document(text, "x", notes) is not None
    assert not notes.errors


@pytest.mark.parametrize("text", ["eu*.a.example", "*.a.example", "a-*_b.c-d.example"])
def test_label_patterns_go_there_and_back(text):
    """The regular expression keeps the star inside its label."""
    pattern = plain.label_pattern(text)
    assert plain.from_label_pattern(pattern) == text
    assert re.fullmatch(pattern, text.replace("*", "x1"))
    assert not re.fullmatch(pattern, text.replace("*", "x.y"))


@pytest.mark.parametrize(
    "pattern", ["", ".*", "^a[^.]+$", "^a[^.]+.b.c$", "^(a[^.]+\\.b\\.c)$", "^a[^.]+\\.b\\.c$x"]
)
def test_other_regular_expressions_are_refused(pattern):
    """Only the form we write."""
    with pytest.raises(Refused):
        plain.from_label_pattern(pattern)


def test_identifiers_depend_on_their_parts_alone():
    """UUIDv5, stable for ever."""
    assert plain.identifier("a", "b") == plain.identifier("a", "b") != plain.identifier("ab", "")
    domain = uuid.uuid5(uuid.NAMESPACE_DNS, "egresswatch.invalid")
    assert plain.identifier("a", "b") == str(uuid.uuid5(domain, "a\0b"))
    assert plain.number("a", "b") == plain.number("a", "b")
