import stat
import subprocess
import sys

import pytest

from coinslot.errors import CannotStart
from coinslot.stack import environment
from coinslot.stack.folder import DataFolder


def test_the_folder_is_made_with_its_parents(tmp_path):
    with DataFolder(tmp_path / "a" / "b") as folder:
        logs = folder.subfolder("logs")

    assert logs == tmp_path / "a" / "b" / "logs"
    assert logs.is_dir()


def test_a_second_stack_on_one_folder_is_refused_at_once(tmp_path):
    with (
        DataFolder(tmp_path),
        pytest.raises(CannotStart, match="another stack uses the data folder"),
        DataFolder(tmp_path),
    ):
        pass


def test_a_folder_that_was_left_can_be_entered_again(tmp_path):
    with DataFolder(tmp_path):
        pass

    with DataFolder(tmp_path) as folder:
        assert folder.path == tmp_path


def test_a_folder_is_not_free_while_a_child_of_the_last_stack_lives(tmp_path):
    with DataFolder(tmp_path) as folder:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[folder.lock_fd])

    with (
        pytest.raises(CannotStart, match="another stack uses the data folder"),
        DataFolder(tmp_path, family_timeout_s=0),
    ):
        pass

    child.communicate(b"\n", timeout=10)
    with DataFolder(tmp_path, family_timeout_s=0) as again:
        assert again.path == tmp_path


def test_a_folder_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()

    with (
        pytest.raises(CannotStart, match=r"cannot use the data folder .*: Not a directory"),
        DataFolder(tmp_path / "file" / "data"),
    ):
        pass


def test_a_subfolder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "redis").touch()

    with DataFolder(tmp_path) as folder, pytest.raises(CannotStart, match="cannot use the data folder"):
        folder.subfolder("redis")


def test_what_a_stack_decided_can_be_read_by_its_owner_alone_and_until_the_folder_is_left(tmp_path):
    with DataFolder(tmp_path) as folder:
        folder.tell({"REDIS_URL": "redis://127.0.0.1:1/0", "PORT": "3000"})
        told = environment.read(tmp_path)
        mode = (tmp_path / environment.FILE).stat().st_mode

    assert told == {"REDIS_URL": "redis://127.0.0.1:1/0", "PORT": "3000"}
    assert stat.S_IMODE(mode) == 0o600
    assert environment.read(tmp_path) == {}


def test_what_a_killed_stack_left_is_replaced_with_its_permissions(tmp_path):
    (tmp_path / environment.FILE).write_text("PORT=1\n")
    (tmp_path / environment.FILE).chmod(0o644)

    with DataFolder(tmp_path) as folder:
        folder.tell({"PORT": "2"})

        assert environment.read(tmp_path) == {"PORT": "2"}
        assert stat.S_IMODE((tmp_path / environment.FILE).stat().st_mode) == 0o600
