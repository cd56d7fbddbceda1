"""Files of reports: written whole or not at all, and a message that helps where they cannot be."""

from __future__ import annotations

import os
import threading

import pytest

from pytest_accel.reports.common import atomic_write


def write(path, text="new"):
    atomic_write.write(path, text, "--accel-json")


def test_missing_folders_are_made_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "a" / "b" / "report.json"
    write(path)
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_it_can_be_read_by_whom_other_files_can_be_read(tmp_path):
    (tmp_path / "other").touch()
    write(tmp_path / "report.json")
    assert (tmp_path / "report.json").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_link_stays_a_link(tmp_path):
    link = tmp_path / "latest.json"
    link.symlink_to(tmp_path / "report.json")
    write(link)
    assert link.is_symlink()
    assert (tmp_path / "report.json").read_text() == "new"


def test_a_pipe_gets_the_report(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read_from_pipe = []
    reader = threading.Thread(target=lambda: read_from_pipe.append(path.read_text()))
    reader.start()
    write(path)
    reader.join()
    assert read_from_pipe == ["new"]


def test_text_that_is_no_unicode_is_written_as_escapes(tmp_path):
    write(tmp_path / "report.md", "a\udc80b")
    assert (tmp_path / "report.md").read_text() == "a\\udc80b"


def test_a_folder_in_its_place_is_an_error_that_names_it_and_the_way_out(tmp_path):
    for attempt in (write, lambda path: atomic_write.check_writable(path, "--accel-json")):
        with pytest.raises(atomic_write.ReportError, match=r"Is a directory.*--accel-json=FILE") as error:
            attempt(tmp_path)
        assert str(tmp_path) in str(error.value)


def test_a_file_in_place_of_a_parent_folder_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(atomic_write.ReportError, match=r"file/report\.json: (Not a directory|File exists)"):
        write(tmp_path / "file" / "report.json")


def test_to_ask_whether_it_can_be_written_leaves_nothing_behind(tmp_path):
    atomic_write.check_writable(tmp_path / "a" / "report.json", "--accel-json")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_leaves_the_old_report_and_no_other_file(tmp_path, monkeypatch):
    path = tmp_path / "report.json"
    write(path, "old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    # A full disk, at the last moment where it can be noticed. It shows the way out, not what a disk does.
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(atomic_write.ReportError, match="No space left on device"):
        write(path)
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
