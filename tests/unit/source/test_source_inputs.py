# SPDX-License-Identifier: Apache-2.0
"""Which files a command line means."""

import gzip
import os
from pathlib import Path

from egresswatch.source.inputs import expand


def expanded(*paths):
    """Paths to be read, files passed over with the reason, and errors."""
    errors = []
    inputs = expand([str(path) for path in paths], errors.append)
    read = [what.path for what, _ in inputs.found]
    passed = {Path(facts.path).name: facts.format for facts in inputs.facts if facts.format}
    return [os.path.relpath(path, paths[0]) for path in read], passed, errors


def test_a_folder_is_walked_in_order_of_names(make, tmp_path):
    """Captures at any depth, told by their first bytes, not by their name."""
    for name in ("b/2.pcap", "a.weird", "b/1", "c/d/e.pcap.gz"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(make.pcap([]) if "gz" not in name else gzip.compress(make.pcap([])))
    assert expanded(tmp_path)[0] == ["a.weird", "b/1", "b/2.pcap", "c/d/e.pcap.gz"]


def test_other_files_of_a_folder_are_noted_not_refused(make, tmp_path):
    """Notes beside captures are passed over; what is called a capture is expected to be one."""
    (tmp_path / "a.pcap").write_bytes(make.pcap([]))
    (tmp_path / "notes.txt").write_text("taken on Monday")
    (tmp_path / "syslog.1.gz").write_bytes(gzip.compress(b"Nov 17 00:00:01 gate sshd"))
    (tmp_path / "half.gz").write_bytes(gzip.compress(b"x")[:5])
    (tmp_path / "broken.pcapng.gz").write_text("no capture")
    (tmp_path / "empty.PCAP3").write_bytes(b"")
    read, passed, errors = expanded(tmp_path)
    assert read == ["a.pcap", "broken.pcapng.gz", "empty.PCAP3"]
    assert passed == dict.fromkeys(("notes.txt", "syslog.1.gz", "half.gz"), "not a capture")
    assert errors == []


def test_a_file_is_read_once(make, tmp_path):
    """Named twice, linked, or inside a folder that is given as well: it counts once."""
    path = tmp_path / "a.pcap"
    path.write_bytes(make.pcap([]))
    (tmp_path / "latest.pcap").symlink_to(path)
    os.link(path, tmp_path / "z.pcap")
    read, passed, errors = expanded(tmp_path, path)
    assert read == ["a.pcap"]
    assert passed == {
        "latest.pcap": "same file as one before", "z.pcap": "same file as one before",
        "a.pcap": "same file as one before",
    }  # fmt: skip
    assert errors == []


def test_pipes_and_sockets_of_a_folder_are_left_alone(make, tmp_path):
    """A named pipe in a folder would wait for ever: only regular files are looked at."""
    os.mkfifo(tmp_path / "pipe.pcap")
    (tmp_path / "a.pcap").write_bytes(make.pcap([]))
    assert expanded(tmp_path) == (["a.pcap"], {}, [])


def test_what_is_not_there_is_one_line(tmp_path):
    """A missing path and a folder without captures give their line, each with what was done."""
    assert expanded(tmp_path, tmp_path / "no.pcap")[2] == [
        f"{tmp_path}: no capture in this folder. Nothing was read from it.",
        f"{tmp_path}/no.pcap: cannot be read: No such file or directory. Nothing was read from it.",
    ]


def test_a_link_to_nowhere_in_a_folder_is_told(make, tmp_path):
    """A dangling link is an error line, and the folder is read on."""
    (tmp_path / "gone.pcap").symlink_to(tmp_path / "nowhere")
    (tmp_path / "later.pcap").write_bytes(make.pcap([]))
    read, _, errors = expanded(tmp_path)
    assert read == ["later.pcap"]
    assert len(errors) == 1
    assert "gone.pcap: cannot be read" in errors[0]
