"""Files are read only if they are files, and written whole or not at all."""

from __future__ import annotations

import os
import stat

import pytest

from pytest_accel.records import files


def test_a_file_and_its_folder_are_made(tmp_path):
    file = tmp_path / "new/folder/file.json"
    files.replace(file, b"content")
    assert file.read_bytes() == b"content"
    assert [path.name for path in file.parent.iterdir()] == ["file.json"]


def test_a_new_file_has_the_rights_that_any_new_file_has(tmp_path):
    files.replace(tmp_path / "ours", b"")
    (tmp_path / "any").touch()
    ours, other = (stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("ours", "any"))
    assert ours == other


def test_what_cannot_be_written_leaves_what_was_there(tmp_path, monkeypatch):
    file = tmp_path / "file.json"
    file.write_bytes(b"before")

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.replace(file, b"after")
    assert file.read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["file.json"]


@pytest.mark.parametrize("name", ["file.json", "test[a-*?].json"])
@pytest.mark.parametrize("left", [".{}.tmp", ".{}.0123456789abcdef.tmp"])
def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path, name, left):
    (tmp_path / left.format(name)).write_bytes(b"half of som")
    for other in (name, ".other.json.tmp", f"{name}.tmp"):
        (tmp_path / other).touch()
    files.remove_unfinished(tmp_path / name)
    assert {path.name for path in tmp_path.iterdir()} == {name, ".other.json.tmp", f"{name}.tmp"}


def test_a_link_is_never_written_through(tmp_path):
    somebodys = tmp_path / "somebodys"
    somebodys.write_bytes(b"precious")
    for name in (".file.json.tmp", "file.json", "new"):
        (tmp_path / name).symlink_to(somebodys)
    files.replace(tmp_path / "file.json", b"content")
    assert not (tmp_path / "file.json").is_symlink()
    with pytest.raises(FileExistsError):
        files.create(tmp_path / "new", b"content")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError):
        files.create(tmp_path / "dangling", b"content")
    assert somebodys.read_bytes() == b"precious"
    assert not (tmp_path / "nowhere").exists()


def test_only_regular_files_are_read_and_nothing_is_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for path, fault in (
        (tmp_path / "pipe", "not a regular file"),
        ("/dev/zero", "not a regular file"),
        (tmp_path / "folder", "Is a directory"),
        (tmp_path / "missing", "No such file"),
    ):
        with pytest.raises(OSError, match=fault):
            files.read(path)


def test_a_file_that_has_nothing_to_say_yet_is_not_waited_for(tmp_path, monkeypatch):
    """Such as ``/proc/kmsg``, which calls itself regular. A pipe with a silent writer does the same."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    monkeypatch.setattr(files.stat, "S_ISREG", lambda _: True)
    with (
        os.fdopen(os.open(pipe, os.O_RDWR), "wb", buffering=0),
        pytest.raises(OSError, match="not a regular file"),
    ):
        files.read(pipe)


def test_a_file_that_would_fill_the_memory_is_not_read(tmp_path):
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(20 * 2**30)
    with pytest.raises(OSError, match="larger than 64 MiB"):
        files.read(tmp_path / "sparse")
