# SPDX-License-Identifier: Apache-2.0
"""Items made ahead in a thread: their order, their number, their end, and what goes wrong on the way."""

import threading

import pytest

from egresswatch.source.ahead import Ahead


class Counted:
    """An iterator that tells how many items it has made, and where it was closed."""

    def __init__(self, count, *, wait=None, error=None):
        self.made, self.closed_in, self.changed = 0, "", threading.Condition()
        self._count, self._wait, self._error = count, wait, error

    def __iter__(self):
        return self

    def __next__(self):
        if self.made == self._count:
            if self._wait is not None:
                self._wait.wait()
            if self._error is not None:
                raise self._error
            raise StopIteration
        with self.changed:
            self.made += 1
            self.changed.notify_all()
        return self.made

    def close(self):
        self.closed_in = threading.current_thread().name

    def until(self, made):
        with self.changed:
            assert self.changed.wait_for(lambda: self.made >= made, 5)


def test_all_items_come_in_their_order():
    """As without the thread, and after the last one nothing, however often it is asked for."""
    items = Ahead(iter(range(1000)), 3)
    assert list(items) == list(range(1000))
    assert next(items, None) is next(items, None) is None
    items.close()


@pytest.mark.parametrize("depth", [2, 3, 6])
def test_no_more_items_exist_than_were_allowed(depth):
    """The one in the reader's hand counts until the next is asked for."""
    source = Counted(100)
    items = Ahead(source, depth)
    for asked in range(1, 20):
        assert next(items) == asked
        source.until(asked + depth - 1)
        assert source.made == asked + depth - 1
    items.close()


def test_an_error_comes_after_what_was_made_before_it():
    """It is raised in the reader's thread, once; then there is nothing more."""
    items = Ahead(Counted(3, error=ValueError("of the disk")), 2)
    assert [next(items) for _ in range(3)] == [1, 2, 3]
    with pytest.raises(ValueError, match="of the disk"):
        next(items)
    assert next(items, None) is None
    items.close()


def test_closing_ends_the_thread_and_the_iterator_in_it():
    """Also while it waits for room; nothing is given any more."""
    source = Counted(100)
    items = Ahead(source, 2, "maker")
    next(items)
    source.until(2)
    items.close()
    items.close()
    assert source.made == 2
    assert source.closed_in == "maker"
    assert next(items, None) is None
    assert "maker" not in {thread.name for thread in threading.enumerate()}


def test_closing_wakes_a_thread_that_waits_for_its_input():
    """By the call that was given for it."""
    woken = threading.Event()
    items = Ahead(Counted(1, wait=woken), 2, "sleeper", woken.set)
    next(items)
    items.close()
    assert "sleeper" not in {thread.name for thread in threading.enumerate()}


def test_one_behind_another():
    """An error of the first goes through the second; closing the second lets both go."""
    first = Ahead(Counted(50, error=OSError("far")), 2, "first")
    second = Ahead((2 * item for item in first), 2, "second")
    assert [next(second) for _ in range(50)] == list(range(2, 102, 2))
    with pytest.raises(OSError, match="far"):
        next(second)
    second.close()
    first.close()
