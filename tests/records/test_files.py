"""Files are written whole or not at all."""

from __future__ import annotations

import pytest

from pytest_accel.records import files


def test_a_file_and_its_folder_are_made(tmp_path):
    file = tmp_path / "new/folder/file.json"
    files.replace(file, b"content", ".temporary")
    assert file.read_bytes() == b"content"
    assert [path.name for path in file.parent.iterdir()] == ["file.json"]


def test_what_cannot_be_written_leaves_what_was_there(tmp_path, monkeypatch):
    file = tmp_path / "file.json"
    file.write_bytes(b"before")

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.replace(file, b"after", ".temporary")
    assert file.read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["file.json"]


def test_what_a_killed_writer_left_is_overwritten(tmp_path):
    (tmp_path / ".temporary").write_bytes(b"half of som")
    files.replace(tmp_path / "file.json", b"whole", ".temporary")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file.json", b"whole")]
