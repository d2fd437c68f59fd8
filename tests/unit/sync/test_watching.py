"""A store that tells of changes is believed while it speaks; any other is polled as ever."""

from __future__ import annotations

import threading

from sync.watching import Ears
from tests.fakes.object_store import TellingStore


def test_a_word_of_the_store_wakes_and_a_sign_of_life_does_not() -> None:
    store, woken = TellingStore(), threading.Semaphore(0)
    ears = Ears(lambda: store, "dags/", woken.release)
    assert not ears.hears()
    ears.start()
    assert store.listening.wait(5) and store.tell is not None
    store.tell(False)
    assert woken.acquire(timeout=5) and ears.hears()  # the first word: what was before it nobody told
    store.tell(False)
    assert not woken.acquire(blocking=False)
    store.tell(True)
    assert woken.acquire(timeout=5)
    ears.stop()
    store.end.set()


def test_a_store_that_cannot_tell_is_not_believed_to() -> None:
    store = TellingStore()
    store.fails = True
    ears = Ears(lambda: store, "", lambda: None)
    ears.start()
    assert not ears.hears()
    ears.stop()
