# SPDX-License-Identifier: Apache-2.0
"""Compiled kernels on disk: every place is read, the first that can be is written, no stranger trusted."""

import hashlib
import os
from pathlib import Path

import pytest

from egresswatch import kernelcache
from egresswatch.kernelcache import Store, places, stamp


def test_what_was_saved_is_loaded(tmp_path):
    """By this process and by the next."""
    store = Store([tmp_path], "kernels-1")
    assert store.load("total") is None
    store.save("total", b"code")
    assert store.load("total") == Store([tmp_path], "kernels-1").load("total") == b"code"
    assert (store.folder, store.unkept) == (tmp_path / "kernels-1", "")
    assert [path.name for path in store.folder.iterdir()] == ["total"], "nothing half-written stays"


@pytest.mark.parametrize("spoil", [lambda data: data[:-1], lambda data: b"", lambda data: data[:40] + b"X"])
def test_damage_is_not_loaded(tmp_path, spoil):
    """A file whose digest does not fit is as good as none, and is replaced."""
    store = Store([tmp_path], "kernels-1")
    store.save("total", b"code of a kernel")
    path = store.folder / "total"
    path.write_bytes(spoil(path.read_bytes()))
    assert store.load("total") is None
    store.save("total", b"code of a kernel")
    assert store.load("total") == b"code of a kernel"


def test_a_place_that_cannot_be_written_is_read_all_the_same(tmp_path, monkeypatch):
    """What root compiled at installation serves users; what they compile goes to the next place."""
    installed, own = tmp_path / "installed", tmp_path / "own"
    Store([installed], "kernels-1").save("total", b"of root")
    unwritable = kernelcache._unwritable
    monkeypatch.setattr(
        kernelcache, "_unwritable",
        lambda folder: "Read-only file system" if installed in folder.parents else unwritable(folder),
    )  # fmt: skip
    store = Store([installed, own], "kernels-1")
    assert store.folder == own / "kernels-1"
    store.save("other", b"of the user")
    assert (store.load("total"), store.load("other"), store.unkept) == (b"of root", b"of the user", "")


def test_nowhere_to_write_is_told_when_something_had_to_be_kept(tmp_path):
    """Where, and why, of every place; silence as long as nothing was compiled."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.touch()
    second.touch()
    store = Store([first, second], "kernels-1")
    assert (store.folder, store.unkept, store.load("total")) == (None, "", None)
    store.save("total", b"code")
    assert store.unkept == f"{first}/kernels-1: Not a directory; {second}/kernels-1: Not a directory"


def test_a_disk_that_fills_up_ends_nothing(tmp_path, monkeypatch):
    """The kernel works; that it could not be kept is told."""
    store = Store([tmp_path], "kernels-1")

    def full(path, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    store.save("total", b"code")
    assert store.unkept == f"{tmp_path}/kernels-1: No space left on device"


@pytest.mark.parametrize("mode", [0o777, 0o757, 0o775, 0o2775])
def test_a_folder_that_others_can_write_is_neither_read_nor_written(tmp_path, mode):
    """Machine code is not taken from strangers, nor from everybody of a group."""
    open_to_all = Store([tmp_path / "a"], "kernels-1")
    open_to_all.save("total", b"code")
    open_to_all.folder.chmod(mode)
    store = Store([tmp_path / "a", tmp_path / "b"], "kernels-1")
    assert store.load("total") is None
    assert store.folder == tmp_path / "b" / "kernels-1"


@pytest.mark.skipif(os.geteuid() != 0, reason="OWNER OF A FOLDER NOT CHECKED: only root can give one away")
def test_a_folder_of_another_user_is_not_read(tmp_path):
    """Somebody who knows the name of the next version could have put it there."""
    Store([tmp_path], "kernels-1").save("total", b"code")
    os.chown(tmp_path / "kernels-1", 12345, 12345)
    store = Store([tmp_path], "kernels-1")
    store.save("other", b"code")
    assert store.load("total") is None
    assert store.unkept == f"{tmp_path}/kernels-1: belongs to another user"


def test_a_folder_is_closed_to_others_whatever_the_umask(tmp_path):
    """Else the next start would not trust it."""
    before = os.umask(0)
    try:
        Store([tmp_path / "a" / "b"], "kernels-1").save("total", b"code")
    finally:
        os.umask(before)
    assert Store([tmp_path / "a" / "b"], "kernels-1").load("total") == b"code"


def test_of_other_versions_the_youngest_few_stay(tmp_path):
    """One of them may be running."""
    left = [tmp_path / f"kernels-{k:016x}" for k in range(20)]
    for age, folder in enumerate(left):
        folder.mkdir()
        os.utime(folder, (1_000_000 - age, 1_000_000 - age))
    Store([tmp_path], "kernels-x")
    assert [folder.exists() for folder in left] == [k < kernelcache._KEPT for k in range(20)]


def test_a_folder_that_a_stranger_makes_meanwhile_is_not_read(tmp_path, monkeypatch):
    """Between the first look and the making of it."""
    unwritable = kernelcache._unwritable

    def late(folder):
        folder.mkdir(parents=True)
        folder.chmod(0o777)
        return unwritable(folder)

    monkeypatch.setattr(kernelcache, "_unwritable", late)
    store = Store([tmp_path], "kernels-1")
    (tmp_path / "kernels-1" / "total").write_bytes(hashlib.sha256(b"code").digest() + b"code")
    assert store.load("total") is None
    assert store.folder is None


def test_what_is_called_alike_and_is_not_ours_stays(tmp_path):
    """NUMBA_CACHE_DIR may be any folder."""
    mine = [tmp_path / f"kernels-of-mine-{k}" for k in range(9)]
    for path in mine:
        path.mkdir()
    Store([tmp_path], "kernels-x")
    assert all(path.exists() for path in mine)


def test_the_place_is_the_one_numba_is_told_else_beside_the_package_else_the_users(tmp_path):
    """XDG_CACHE_HOME is obeyed."""
    assert places({"NUMBA_CACHE_DIR": "/a"}) == [Path("/a")]
    beside = Path(kernelcache.__file__).parent / "__pycache__"
    assert places({"XDG_CACHE_HOME": "/x"}) == [beside, Path("/x/egresswatch")]
    assert places({})[1].parts[-2:] == (".cache", "egresswatch")


def test_the_folder_is_named_after_all_sources_of_kernels(tmp_path):
    """A change anywhere must give another name; a new date alone must not."""
    for name in ("one.py", "jit.py", "flow/one.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("1")
    sources = ("flow/*.py", "jit.py")
    before = stamp(tmp_path, sources)
    os.utime(tmp_path / "jit.py", (0, 0))
    (tmp_path / "one.py").write_text("2")
    assert stamp(tmp_path, sources) == before, "no kernel is made of it"
    (tmp_path / "flow" / "one.py").write_text("2")
    assert stamp(tmp_path, sources) != before
