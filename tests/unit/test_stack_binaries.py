import pytest

from coinslot.errors import CannotStart
from coinslot.stack.binaries import find_mongod, find_redis


@pytest.fixture
def place(tmp_path):
    """Makes a folder with one program, which prints one line."""

    def make(program, says, exit_code=0):
        folder = tmp_path / f"place{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        path = folder / program
        path.write_text(f"#!/bin/sh\necho '{says}'\nexit {exit_code}\n")
        path.chmod(0o755)
        return str(folder)

    return make


@pytest.fixture
def redis_6_0(place):
    return place("redis-server", "Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64")


@pytest.fixture
def redis_6_2(place):
    return place("redis-server", "Redis server v=6.2.14 sha=40305114:0 malloc=libc bits=64")


@pytest.fixture
def redis_7_0(place):
    return place("redis-server", "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64")


def test_the_first_redis_is_taken(redis_6_2, redis_7_0):
    assert str(find_redis(places=[redis_6_2, redis_7_0])) == f"{redis_6_2}/redis-server"


def test_a_redis_that_is_too_old_is_passed_over(redis_6_0, redis_6_2):
    assert str(find_redis(places=[redis_6_0, redis_6_2])) == f"{redis_6_2}/redis-server"


def test_a_redis_too_old_for_the_data_at_hand_is_passed_over(tmp_path, redis_6_2, redis_7_0):
    (tmp_path / "data" / "appendonlydir").mkdir(parents=True)

    found = find_redis(tmp_path / "data", places=[redis_6_2, redis_7_0])

    assert str(found) == f"{redis_7_0}/redis-server"


def test_a_program_that_does_not_tell_its_version_is_passed_over(place, redis_7_0):
    other = place("redis-server", "hello")

    assert str(find_redis(places=[other, redis_7_0])) == f"{redis_7_0}/redis-server"


def test_no_usable_redis_is_an_error_that_says_what_to_do(redis_6_0):
    with pytest.raises(CannotStart, match=r"no redis-server 6\.2 or newer: install one, .* or set REDIS_URL"):
        find_redis(places=[redis_6_0])


def test_the_first_mongod_that_runs_is_taken(tmp_path, place):
    lacks_a_library = place("mongod", "libcurl.so.4: cannot open shared object file", exit_code=127)
    runs = place("mongod", "db version v6.0.5")

    assert str(find_mongod(places=[str(tmp_path), lacks_a_library, runs])) == f"{runs}/mongod"


def test_no_mongod_is_no_error(tmp_path):
    assert find_mongod(places=[str(tmp_path)]) is None
