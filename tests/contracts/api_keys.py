"""States all that any implementation of the Keys port must do.

A store's own test module subclasses `KeysContract` and gives it a fixture `opening`, which opens
the same keys anew each time it is called.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest
from msgspec.structs import replace

from cambist.ports.api_keys import ApiKey, ApiKeyStore, Permission
from cambist.ports.errors import PortUnavailable
from cambist.values.ids import Address, Principal
from cambist.values.time_units import Timestamp

Opening = Callable[[], AbstractAsyncContextManager[ApiKeyStore]]

BORN = Timestamp(1_700_000_000_000)
LATER = Timestamp(1_700_000_060_000)
PLAIN = ApiKey(
    id="aaaaaaaa",
    digest=b"\0\1" * 16,
    principal=Principal("local"),
    name="a bot",
    permissions=frozenset((Permission.READ, Permission.TRADE)),
    created_at=BORN,
)
FULL = replace(
    PLAIN,
    id="bbbbbbbb",
    principal=Principal("desk 2"),
    name="caf\u00e9 'x'; --",
    permissions=frozenset(Permission),
    created_at=LATER,
    wallets=(Address("1" * 32), Address("So11111111111111111111111111111111111111112")),
    orders_per_minute=7,
    expires_at=Timestamp(LATER + 1),
)


class KeysContract:
    """Everything keys promise."""

    async def test_a_key_is_found_as_it_was_added(self, opening: Opening) -> None:
        async with opening() as keys:
            for key in (PLAIN, FULL):
                await keys.add(key)
                assert await keys.find(key.id) == key
        async with opening() as keys:
            assert await keys.find(FULL.id) == FULL

    async def test_what_was_never_added_is_not_found(self, opening: Opening) -> None:
        async with opening() as keys:
            await keys.add(PLAIN)
            for key_id in ("", "AAAAAAAA", "aaaaaaa", "aaaaaaaa ", "a%", "\u0661" * 8):
                assert await keys.find(key_id) is None

    async def test_the_door_is_closed_for_good_by_the_first_key(self, opening: Opening) -> None:
        async with opening() as keys:
            assert not await keys.has_ever_issued()
            await keys.add(PLAIN)
            assert await keys.has_ever_issued()
            assert await keys.revoke(PLAIN.id, LATER)
            assert await keys.has_ever_issued()
        async with opening() as keys:
            assert await keys.has_ever_issued()

    async def test_others_see_at_once_what_one_does(self, opening: Opening) -> None:
        async with opening() as mine, opening() as theirs:
            assert not await theirs.has_ever_issued()
            await mine.add(PLAIN)
            assert await theirs.has_ever_issued()
            assert await theirs.find(PLAIN.id) == PLAIN
            assert await mine.revoke(PLAIN.id, LATER)
            assert await theirs.find(PLAIN.id) == replace(PLAIN, revoked_at=LATER)

    async def test_a_key_is_revoked_once(self, opening: Opening) -> None:
        async with opening() as keys:
            await keys.add(PLAIN)
            assert not await keys.revoke(FULL.id, LATER)
            assert await keys.revoke(PLAIN.id, LATER)
            assert not await keys.revoke(PLAIN.id, Timestamp(LATER + 1))
            assert await keys.find(PLAIN.id) == replace(PLAIN, revoked_at=LATER)

    async def test_keys_are_listed_oldest_first(self, opening: Opening) -> None:
        async with opening() as keys:
            assert await keys.list() == ()
            await keys.add(FULL)
            await keys.add(PLAIN)
            assert await keys.list() == (PLAIN, FULL)

    async def test_an_id_belongs_to_one_key(self, opening: Opening) -> None:
        async with opening() as keys:
            await keys.add(PLAIN)
            with pytest.raises(PortUnavailable):
                await keys.add(replace(FULL, id=PLAIN.id))
            assert await keys.list() == (PLAIN,)

    async def test_the_last_use_is_kept_and_never_goes_back(self, opening: Opening) -> None:
        async with opening() as keys:
            await keys.add(PLAIN)
            for at in (LATER, BORN):
                await keys.record_use(PLAIN.id, at)
            await keys.record_use("nobody", LATER)
        async with opening() as keys:
            assert await keys.list() == (replace(PLAIN, last_used_at=LATER),)
