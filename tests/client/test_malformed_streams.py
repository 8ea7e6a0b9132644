"""Prove that whatever a server streams, the SDK reads it or says that it cannot."""

from __future__ import annotations

import random

from cambist.client.errors import InvalidResponse
from cambist.client.http_client import read
from cambist.client.models import Event, Order
from cambist.client.sse import SseDecoder
from cambist.client.websocket_events import is_event
from tests.malformed_messages import broken_messages

MESSAGES = 10_000
GOOD = [
    b'{"orderId":"018bcfe5-6800-7000-8000-000000000001","seq":1,"status":"pending",'
    b'"event":"pending","timestamp":"2026-01-01T00:00:00.000Z","attempt":1}',
    b'{"success":true,"message":"Subscribed","event":"subscribed"}',
]


def test_broken_events_are_unreadable_and_nothing_worse() -> None:
    chance, frames, unreadable = random.Random(5), SseDecoder(), 0
    for message in broken_messages(5, GOOD, MESSAGES):
        start = chance.choice((b"data: ", b"id: ", b"", b": ", b"data:", b"\n"))
        try:
            for frame in frames.feed(start + message + chance.choice((b"\n\n", b"\n", b"\r\n"))):
                if frame is not None and is_event(frame.data):
                    read(frame.data, Event)
        except InvalidResponse:
            unreadable += 1
            frames = SseDecoder()
    assert unreadable > 50


def test_broken_answers_are_unreadable_and_nothing_worse() -> None:
    unreadable = 0
    for message in broken_messages(6, GOOD, MESSAGES):
        try:
            read(message, Order)
        except InvalidResponse:
            unreadable += 1
    assert unreadable > MESSAGES // 2
