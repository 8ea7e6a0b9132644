"""Hold the pepper to being made once, and read by its owner alone."""

import os
import stat
from contextlib import nullcontext
from pathlib import Path

import pytest

from cambist.stores.api_key_pepper import FILE, InvalidPepper, make_pepper, read_pepper


def draw(size: int) -> bytes:
    return bytes(range(size))


def test_it_is_made_once_and_kept(tmp_path: Path) -> None:
    made = make_pepper(tmp_path / FILE, draw)
    assert made == draw(32)
    assert make_pepper(tmp_path / FILE, bytes) == made == read_pepper(tmp_path / FILE)
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == [FILE]


def test_of_two_that_make_it_both_return_the_one_that_is_kept(tmp_path: Path) -> None:
    def slowly(size: int) -> bytes:
        first = tmp_path / FILE
        first.touch(0o600)
        first.write_text("ab" * size, "ascii")
        return draw(size)

    assert make_pepper(tmp_path / FILE, slowly) == b"\xab" * 32
    assert [one.name for one in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o620, 0o602])
def test_one_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    make_pepper(tmp_path / FILE, draw)
    (tmp_path / FILE).chmod(mode)
    for read in (read_pepper, lambda path: make_pepper(path, draw)):
        with pytest.raises(InvalidPepper, match="chmod 600"):
            read(tmp_path / FILE)


@pytest.mark.parametrize(("mode", "is_fit"), [(0o440, True), (0o640, True), (0o644, False)])
def test_one_that_is_mounted_for_our_group_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, *, is_fit: bool
) -> None:
    path = tmp_path / FILE
    made = make_pepper(path, draw)
    path.chmod(mode)
    ours = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: ours + 1)
    with nullcontext() if is_fit else pytest.raises(InvalidPepper):
        assert read_pepper(path) == made


@pytest.mark.parametrize("text", ["", "zz" * 32, "ab" * 31, "ab" * 33, "\u00e9"])
def test_one_that_is_broken_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    path = tmp_path / FILE
    path.touch(0o600)
    path.write_text(text, "utf-8")
    with pytest.raises(InvalidPepper) as told:
        read_pepper(tmp_path / FILE)
    assert not text or text not in str(told.value)


def test_one_that_is_gone_is_not_made_anew_by_reading(tmp_path: Path) -> None:
    with pytest.raises(InvalidPepper, match="put its copy back"):
        read_pepper(tmp_path / FILE)
    assert not list(tmp_path.iterdir())
