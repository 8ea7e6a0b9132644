"""Promise that the simulation notices every way we know of breaking the engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation.mutants import MUTANTS, SEEDS_MAX, attack
from tests.simulation.run import run

KILLS: dict[str, tuple[int, str]] = {
    "signs_again_when_a_send_fails": (2, "I7"),
    "expires_by_the_wall_clock": (4, "I7"),
    "believes_the_first_who_says_expired": (39, "I7"),
    "takes_height_and_silence_from_different_machines": (47, "I7"),
    "asks_two_and_couples_nothing": (382, "I7"),
    "believes_one_where_one_may_lie": (982, "I7"),
    "reads_silence_before_the_height": (47, "I7"),
    "forgets_the_second_clock": (57, "I7"),
    "takes_processed_for_settled": (106, "I3"),
    "lets_a_cancel_win_over_an_attempt": (26, "I7"),
    "takes_a_note_for_whatever_is_in_flight": (274, "I7"),
    "throws_unsent_bytes_away": (9, "I7"),
    "sends_again_after_a_cancel": (0, "I19"),
    "sends_first_by_what_it_remembers": (136, "I19"),
    "sends_before_it_records": (0, "I6"),
    "lets_anybody_write": (2, "I11"),
    "compares_the_version_alone": (2, "I4"),
    "writes_the_journal_in_a_second_transaction": (0, "I5"),
    "asks_again_under_a_new_id": (81, "I9"),
    "counts_the_backlog_without_those_who_enter": (424, "I8"),
    "renders_a_reply_anew": (0, "I9"),
    "resumes_by_numbers_drawn_before_the_commit": (2, "I10"),
    "announces_a_feed_before_it_listens": (4, "I10"),
    "lets_a_follower_go_between_two_looks": (107, "I10"),
    "ends_when_a_claim_cannot_be_given_up": (9, "L1"),
    "waits_for_a_clock_that_stepped_back": (82, "L1"),
    "never_tells_what_a_failed_commit_wrote": (45, "I10"),
    "triggers_on_the_word_of_the_watcher": (6, "I13"),
    "takes_one_slot_for_two": (6, "I13"),
    "signs_beyond_the_limit": (45, "I14"),
    "triggers_under_a_halt": (6, "I12"),
}
"""Where each was noticed last, and which promise it broke. Any change of the engine may move a
seed; then the search begins anew, which takes longer and changes nothing else."""


def test_every_mutant_has_its_seed() -> None:
    assert KILLS.keys() == MUTANTS.keys()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", KILLS)
def test_a_mutant_is_noticed(folder: Path, name: str) -> None:
    seed, rule = KILLS[name]
    kill = attack(name, folder, seed, 1)
    if kill is None or kill.violation.rule != rule:
        kill = attack(name, folder)
    assert kill is not None, "it survived: strengthen the simulation"


@pytest.mark.slow
def test_a_mutant_leaves_nothing_behind(folder: Path) -> None:
    for seed in sorted({seed for seed, _ in KILLS.values()}):
        assert not run(seed, folder).violations


@pytest.mark.proofs
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("name", KILLS)
def test_a_mutant_is_found_anew(folder: Path, name: str) -> None:
    kill = attack(name, folder, 100_000, SEEDS_MAX)
    assert kill is not None, "it survived: strengthen the simulation"
