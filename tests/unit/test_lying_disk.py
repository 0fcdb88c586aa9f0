"""What strace says of an append-only file, read as: written so far, and synced so far."""

from __future__ import annotations

from tests.faults.lying_disk import follow


def test_only_what_was_written_when_a_sync_began_is_synced_when_it_ends() -> None:
    trace = [
        '71    write(8</r/a.incr.aof>, ""..., 100) = 100',
        "72    fdatasync(8</r/a.incr.aof> <unfinished ...>",
        '71    write(8</r/a.incr.aof>, ""..., 30) = 30',
        "72    <... fdatasync resumed>)          = 0 (DELAYED)",
    ]

    assert follow(trace, 1000) == (1130, 1100)


def test_a_sync_that_never_ended_has_synced_nothing() -> None:
    trace = [
        '71    write(8</r/a.incr.aof>, ""..., 100) = 100',
        "71    fdatasync(8</r/a.incr.aof>)       = 0 (DELAYED)",
        '71    write(8</r/a.incr.aof>, ""..., 30) = 30',
        "71    fdatasync(8</r/a.incr.aof> <unfinished ...>",
        "71    +++ killed by SIGKILL +++",
    ]

    assert follow(trace, 0) == (130, 100)


def test_a_write_in_two_halves_counts_once() -> None:
    trace = [
        '71    write(8</r/a.incr.aof>, ""..., 100 <unfinished ...>',
        "72    fdatasync(8</r/a.incr.aof> <unfinished ...>",
        "71    <... write resumed>)              = 100",
        "72    <... fdatasync resumed>)          = 0 (DELAYED)",
    ]

    assert follow(trace, 0) == (100, 0)
