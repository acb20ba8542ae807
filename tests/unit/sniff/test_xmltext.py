# SPDX-License-Identifier: Apache-2.0
"""Names and texts out of XML: a finder that any bytes leave alone."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.sniff import xmltext

DOCUMENT = (
    b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- made by hand -->\n<a:Envelope xmlns:a="urn:x" b="1">'
    b"<a:Header/><a:Body>\n <b:Call c='2'><b:One>1 &lt; 2 &amp;lt;</b:One><One> again </One><Two/></b:Call>"
    b"</a:Body></a:Envelope>\n"
)


def test_the_root_is_found_behind_what_precedes_it() -> None:
    """A byte order mark, a declaration, comments and a document type."""
    assert xmltext.root(DOCUMENT) == b"Envelope"
    assert xmltext.root(b"<!DOCTYPE html><html >") == b"html"
    assert xmltext.root(b"<a/>") == b"a"


@pytest.mark.parametrize("data", [b"", b"x<a>", b"{}", b"<?xml", b"<1>", b"< a>", b"</a>", b"<a"])
def test_what_is_no_xml_has_no_root(data: bytes) -> None:
    """Text, JSON, and a name whose end is not there."""
    assert xmltext.root(data) == b""


def test_the_call_is_the_first_child_of_the_body() -> None:
    """Whatever its prefix."""
    assert xmltext.call(DOCUMENT) == b"Call"
    assert xmltext.call(b"<Envelope><Body></Body></Envelope>") == b""


def test_texts_are_told_by_local_name() -> None:
    """Entities once, blanks around not; an element without text is none."""
    assert xmltext.texts(DOCUMENT, "One") == (b"1 < 2 &lt;", b"again")
    assert xmltext.text(DOCUMENT, "Two") == b""
    assert xmltext.text(DOCUMENT, "On") == b""


def test_all_names_in_order() -> None:
    """Of opening tags."""
    assert xmltext.names(DOCUMENT) == (b"Envelope", b"Header", b"Body", b"Call", b"One", b"One", b"Two")


def test_a_document_ends_with_its_root() -> None:
    """Not before."""
    assert xmltext.ended(DOCUMENT)
    assert not xmltext.ended(DOCUMENT[:-5])
    assert not xmltext.ended(b"<a>")


def test_only_the_beginning_is_looked_at() -> None:
    """Whatever follows."""
    late = b"<a>" + b" " * xmltext.LIMIT + b"<One>x</One>"
    assert xmltext.text(late, "One") == b""


def test_values_are_bounded() -> None:
    """A list without end."""
    assert len(xmltext.texts(b"<r>" + b"<One>1</One>" * 500, "One")) == 8


@pytest.mark.parametrize(
    "data",
    [
        b"<!--" * 9000,
        b"<a " * 9000,
        b"<Body" * 9000,
        b"<One>" * 9000,
        b" " * 50000,
        b"<?" * 9000,
        b"<a:" * 9000,
    ],
)
def test_no_document_is_slow(data: bytes) -> None:
    """Nothing is searched twice over."""
    began = time.process_time()
    for _ in range(5):
        xmltext.root(data)
        xmltext.call(data)
        xmltext.names(data)
        xmltext.texts(data, "One")
        xmltext.ended(data)
    assert time.process_time() - began < 2


@given(
    st.lists(
        st.sampled_from(
            [b"<", b">", b"</", b"a", b":", b"Body", b"One", b"&lt;", b"<!--", b"<?xml", b" ", b"\xff"]
        )
    )
)
def test_no_bytes_raise(parts: list[bytes]) -> None:
    """Any tags."""
    data = b"".join(parts)
    for call in (xmltext.root, xmltext.call, xmltext.names, xmltext.ended):
        call(data)
    xmltext.texts(data, "One")
