"""Hold every command to one sentence and one code when an engine says no, or is none."""

import pytest

from tests.cli.conftest import Cambist
from tests.cli.fake_server import stranger

KEY = "cmb_0123456789abcdef"
NO = {"code": "unauthorized", "errors": [{"code": "unauthorized", "message": "Who are you?"}]}


def test_the_key_of_the_environment_goes_along_and_is_never_shown(cambist: Cambist) -> None:
    with stranger(401, NO) as (url, asked):
        for words in (("list",), ("order", "1", "SOL", "USDC"), ("show", "x"), ("cancel", "x")):
            done = cambist(*words, "--url", url, CAMBIST_API_KEY=KEY)
            assert done.exit_code == 2
            said = "cambist: Who are you?; put your key into CAMBIST_API_KEY\n"
            assert (done.stdout, done.stderr) == ("", said)
    assert {request["authorization"] for request in asked} == {f"Bearer {KEY}"}


def test_a_key_that_cannot_be_sent_exits_2_and_is_not_shown(cambist: Cambist) -> None:
    done = cambist("list", CAMBIST_API_KEY=f"{KEY} and more")
    assert done.exit_code == 2
    assert KEY not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_no_command_takes_a_key_as_an_argument(cambist: Cambist) -> None:
    for command in ("order", "quote", "show", "list", "watch", "cancel", "doctor"):
        assert "api-key" not in cambist(command, "--help").stdout


@pytest.mark.parametrize(
    ("status", "headers", "code", "said"),
    [
        (429, {"retry_after": "60"}, 1, "Who are you?; try again in 60 s"),
        (500, {}, 1, "Who are you?"),
        (503, {"retry_after": "90"}, 1, "Who are you?"),
        (422, {}, 2, "Who are you?"),
    ],
)
def test_a_refusal_exits_by_whose_turn_it_is(
    cambist: Cambist, status: int, headers: dict[str, str], code: int, said: str
) -> None:
    with stranger(status, NO, **headers) as (url, _):
        done = cambist("list", "--url", url)
    assert (done.exit_code, done.stderr) == (code, f"cambist: {said}\n")


def test_what_is_no_engine_exits_69(cambist: Cambist) -> None:
    with stranger(200, {"hello": "world"}) as (url, _):
        done = cambist("list", "--url", url)
    assert done.exit_code == 69
    assert "not one of cambist's" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_password_in_an_address_is_not_repeated(cambist: Cambist) -> None:
    done = cambist("list", "--url", "http://me:hunter2@127.0.0.1:1")
    assert done.exit_code == 2
    assert "hunter2" not in done.stderr
