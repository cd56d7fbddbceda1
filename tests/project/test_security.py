"""What SECURITY.md promises: a test stands behind each paragraph."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

TESTS = {
    "Baseline files are data.": [
        "gate/test_any_file_gives_a_verdict.py::test_any_file_gives_a_word_on_it_or_a_result_in_every_report",
        "baselines/test_store_broken.py::test_arbitrary_content_is_broken",
        "baselines/test_store_paths.py::test_no_file_leaves_its_folder_and_every_file_system_takes_its_name",
        "records/test_files.py::test_only_regular_files_are_read_and_nothing_is_waited_for",
        "records/test_files.py::test_a_file_that_would_fill_the_memory_is_not_read",
        "records/test_files.py::test_a_link_is_never_written_through",
        "baselines/test_store_disk.py::test_links_in_the_place_of_locks_change_nothing_where_they_lead",
    ],
    "A test's clock is not trusted.": [
        "integration/test_clocks.py::test_a_mocked_clock_is_not_the_one_that_is_read",
    ],
    "Checkpoints of interrupted training": [
        "worker/test_trainer.py::test_no_pickle_is_loaded_from_a_checkpoint",
        "worker/test_trainer.py::test_a_damaged_checkpoint_is_not_gone_on_with",
    ],
    "Hosts of one session prove that they know its token": [
        "hosts/test_token.py::test_a_proof_holds_for_its_secret_its_role_and_its_number_only",
        "hosts/test_rendezvous.py::test_the_token_itself_is_never_sent",
        "hosts/test_rendezvous.py::test_a_host_that_does_not_know_the_token_is_kept_out_and_its_address_named",
        "hosts/test_rendezvous.py::test_a_first_host_that_does_not_know_the_token_is_an_impostor",
        "hosts/test_rendezvous.py::test_without_a_token_hosts_meet_on_this_machine_only",
        "hosts/test_rendezvous.py::test_strangers_neither_end_nor_delay_a_session",
        "hosts/test_rendezvous.py::test_more_strangers_than_are_heard_at_once",
        "hosts/test_rendezvous.py::test_who_sends_a_byte_now_and_then_is_dropped",
        "integration/test_hosts_rendezvous.py"
        "::test_hosts_that_share_a_token_reach_a_verdict_and_their_workers_do_not_have_it",
    ],
    "The GitHub Action": [
        "project/test_github_action.py::test_code_of_a_pull_request_never_meets_a_token",
        "project/test_github_action.py::test_nothing_from_outside_becomes_part_of_a_shell_command",
        "project/test_github_action.py::test_only_its_own_comment_is_changed",
        "project/test_github_action.py::test_text_that_nobody_checked_mentions_nobody_and_hides_nothing",
    ],
    "Reports": [
        "integration/test_json.py::test_reports_and_baselines_hold_variables_of_a_fixed_list_only",
    ],
    "Processes that a step starts end with its run": [
        "integration/test_worker_daemons.py::test_daemons_end_with_the_run",
        "integration/test_worker_daemons.py::test_nothing_is_left_of_a_session_that_is_killed",
    ],
}
"""By the words in bold that a paragraph begins with."""

WITHOUT_A_PROMISE = {
    "Benchmarks and conftest.py files are code.",
    "The channel between hosts is not encrypted.",
}
"""Paragraphs that say what is not protected."""


def test_every_paragraph_has_tests():
    paragraphs = re.findall(r"^\*\*(.*?)\*\*", (ROOT / "SECURITY.md").read_text(), re.MULTILINE)
    assert {*paragraphs} == TESTS.keys() | WITHOUT_A_PROMISE


@pytest.mark.parametrize("name", [name for names in TESTS.values() for name in names])
def test_each_of_them_exists(name):
    file, _, function = name.partition("::")
    tree = ast.parse((ROOT / "tests" / file).read_text())
    assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
