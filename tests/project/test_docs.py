"""The documentation is true: its options exist, its links lead somewhere, its benchmarks run."""

import re
from pathlib import Path

import pytest

from pytest_accel.api.options import OPTIONS

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("baselines/*.md")])
OPTIONS_OF_OURS = {option.flag for option in OPTIONS} | {"--no-accel-strict"}


def code_blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_option_named_exists(page):
    named = set(re.findall(r"--(?:no-)?accel[a-z-]*", page.read_text()))
    assert named <= OPTIONS_OF_OURS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page):
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_option_is_documented():
    text = (ROOT / "docs/writing-a-benchmark.md").read_text()
    assert {flag for flag in OPTIONS_OF_OURS if not re.search(rf"{flag}\b", text)} == set()


def test_every_parameter_of_a_workload_is_documented():
    from pytest_accel.api.workloads import WORKLOADS

    text = (ROOT / "docs/writing-a-benchmark.md").read_text()
    assert {name for name in WORKLOADS["resnet50"] if f"| `{name}` |" not in text} == set()


@pytest.mark.tensorflow
@pytest.mark.jax
def test_the_benchmarks_of_the_guide_run(pytester, monkeypatch):
    """All but ResNet-50, which the tests of the framework run."""
    monkeypatch.delenv("CI", raising=False)
    blocks = code_blocks(ROOT / "docs/writing-a-benchmark.md", "python")
    own_steps = [block for block in blocks if "accel.throughput" not in block]
    pytester.makepyfile("import pytest\n\n\n" + "\n\n".join(own_steps))
    result = pytester.runpytest_subprocess("-v", "--accel=cpu", "--accel-budget=1", "--accel-wait=0")
    result.stdout.fnmatch_lines(["*test_my_step NO_BASELINE*", "*test_functional NO_BASELINE*"])
    assert result.ret == 0


def test_ci_runs_the_test_command_of_the_readme():
    """By its marker; the command itself sets up a virtual environment and runs these tests."""
    readme = (ROOT / "README.md").read_text()
    command = re.search(r"^<!-- tests -->\n```sh\n(.+)\n```$", readme, re.MULTILINE)[1]
    assert command.endswith("/pytest -n 2 --dist loadfile")
    assert "<!-- tests -->" in (ROOT / ".ci/run").read_text()


def test_every_command_is_documented():
    from pytest_accel.cli.main import COMMANDS

    names = {command.__name__.rpartition(".")[2].replace("list_baselines", "list") for command in COMMANDS}
    text = (ROOT / "docs/baselines.md").read_text()
    assert {name for name in names if f"\npytest-accel {name} " not in text + " "} == set()


def test_the_arguments_of_training_are_documented():
    import inspect

    from pytest_accel.api.accel import Accel
    from pytest_accel.api.workloads import _TRAINING, DATASETS

    text = (ROOT / "docs/convergence.md").read_text()
    arguments = set(inspect.signature(Accel.convergence).parameters) - {"self", "workload", "parameters"}
    assert {name for name in arguments | set(_TRAINING) if f"`{name}`" not in text} == set()
    assert {name for name in DATASETS if f'`"{name}"`' not in text} == set()
