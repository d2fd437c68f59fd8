"""Frames survive any cutting of the stream, carry descriptors, and refuse what is not a frame."""

from __future__ import annotations

import os
import socket
import struct

import pytest
from airflow._wire import frames
from hypothesis import given
from hypothesis import strategies as st

MESSAGES = st.lists(
    st.dictionaries(st.text(max_size=5), st.one_of(st.none(), st.integers(), st.text())), max_size=6
)


@given(MESSAGES, st.lists(st.integers(1, 9), min_size=1, max_size=20))
def test_feed_returns_the_messages_however_the_stream_is_cut(
    messages: list[dict[str, object]], cuts: list[int]
) -> None:
    stream = b"".join(frames.encode(message) for message in messages)
    buffer, seen, at, turn = frames.FrameBuffer(), [], 0, 0
    while at < len(stream):
        size = cuts[turn % len(cuts)]
        seen += buffer.feed(stream[at : at + size])
        at, turn = at + size, turn + 1
    assert seen == messages


@pytest.mark.parametrize(
    "data",
    [
        struct.pack(">I", frames.MAX_FRAME + 1),
        struct.pack(">I", 2) + b"[]",
        struct.pack(">I", 1) + b"{",
        struct.pack(">I", 4) + b"{}{}",
        struct.pack(">I", 2) + b"\xff{",
    ],
    ids=["too long", "not an object", "not JSON", "two objects", "not UTF-8"],
)
def test_feed_refuses_what_is_not_a_frame(data: bytes) -> None:
    with pytest.raises(frames.FrameError, match="cannot read a frame"):
        frames.FrameBuffer().feed(data)


def test_channel_carries_descriptors_with_their_own_message() -> None:
    ours, theirs = socket.socketpair()
    sender, receiver = frames.Channel(ours), frames.Channel(theirs)
    read_end, write_end = os.pipe()
    sender.send({"kind": "plain"})
    sender.send({"kind": "with"}, [write_end, read_end])
    sender.send({"kind": "after", "text": "x" * 70_000})
    assert receiver.receive() == ({"kind": "plain"}, [])
    message, fds = receiver.receive() or ({}, [])
    assert message == {"kind": "with", "fds": 2}
    os.write(fds[0], b"through")
    assert os.read(read_end, 100) == b"through"
    assert not any(os.get_inheritable(fd) for fd in fds)
    assert (receiver.receive() or ({},))[0]["kind"] == "after"
    ours.close()
    assert receiver.receive() is None
    for fd in (*fds, read_end, write_end):
        os.close(fd)
    theirs.close()
