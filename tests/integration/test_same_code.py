"""Whether two environments run the same code, and what they are: said before anything is judged."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest
from test_own_package import ONLY_PYTEST, Environment, Layout, Upgrade

from pytest_accel.worker.environment_facts import project_files, surroundings, variables

BENCHMARK = """
import pathlib
import helpers

def test_step(accel, clock):
    def step():
        pathlib.Path("ran").touch()
        clock.now_s += helpers.STEP_TIME_S

    accel.measure(step, examples_per_step=32)
"""

PLAIN = BENCHMARK.replace("import helpers\n", "").replace("helpers.STEP_TIME_S", "0.25")
"""It imports nothing of the project's."""


@pytest.fixture
def bench(project):
    """A project whose benchmark imports what lies beside it."""
    project.benchmark(BENCHMARK)
    (project.path / "helpers.py").write_text("STEP_TIME_S = 0.25\n")
    return project.path


@pytest.fixture
def here(tmp_path_factory):
    return Environment(tmp_path_factory.mktemp("environments") / "here")


@pytest.fixture
def twin(tmp_path_factory):
    """Another environment of the same distributions."""
    return Environment(tmp_path_factory.mktemp("environments") / "twin")


@pytest.fixture
def bare(tmp_path_factory):
    return Environment(tmp_path_factory.mktemp("environments") / "bare", ONLY_PYTEST)


def note(bench):
    """On helpers.py, which lies in this folder."""
    return (
        f"note  *both environments run the same helpers ({bench.resolve() / 'helpers.py'}), so a change of "
        "it is not part of this comparison"
    )


def check_measured(result):
    assert result.ret == pytest.ExitCode.OK, result.stdout.str() + result.stderr.str()
    assert result.parseoutcomes() == {"passed": 1}


def check_refused(bench, result, name):
    """In a sentence that names the file, and nothing was judged."""
    assert result.ret == pytest.ExitCode.USAGE_ERROR, result.stdout.str()
    assert f" {name} ({bench.resolve() / name}.py)" in result.stdout.str() + result.stderr.str()
    assert result.parseoutcomes() == {}


@pytest.mark.slow
@pytest.mark.parametrize("given", ["{}", "{}/bin/python"], ids=["folder", "interpreter"])
def test_the_same_environment_on_both_sides_is_measured_with_a_note(bench, here, given):
    result = here.start("pytest", f"--accel-against={given.format(here.folder)}", where=bench)
    check_measured(result)
    result.stdout.fnmatch_lines(
        ["note  *both sides are the same environment: this shows how far apart two equal sides appear"]
    )
    result.stdout.no_fnmatch_line("*run the same*")


@pytest.mark.slow
def test_what_environments_of_different_packages_share_is_noted(bench, here, twin):
    here.install("some_tool", {"some_tool.py": "FAST = True\n"}, "2.0")
    twin.install("some_tool", {"some_tool.py": "FAST = False\n"}, "1.0")
    result = here.start("pytest", f"--accel-against={twin.folder}", where=bench)
    check_measured(result)
    result.stdout.fnmatch_lines(["changed  some-tool 1.0 -> 2.0", note(bench)])


def test_two_environments_in_which_nothing_differs_are_refused(bench, here, twin):
    result = here.start("pytest", f"--accel-against={twin.folder}", where=bench)
    check_refused(bench, result, "helpers")


def test_files_are_not_taken_for_tests_where_any_file_may_be_one(bench, here, twin):
    (bench / "pytest.ini").write_text("[pytest]\npython_files = *.py\n")
    result = here.start("pytest", f"--accel-against={twin.folder}", "test_it.py", where=bench)
    check_refused(bench, result, "helpers")


@pytest.mark.slow
def test_tests_that_are_a_package_are_not_what_is_compared(project, here, twin):
    """Something else may differ that no list of packages has, such as a library of the system."""
    (project.path / "bench").mkdir()
    (project.path / "bench/__init__.py").touch()
    (project.path / "test_it.py").rename(project.path / "bench/test_it.py")
    (project.path / "bench/test_it.py").write_text(PLAIN)
    result = here.start("pytest", f"--accel-against={twin.folder}", where=project.path)
    check_measured(result)
    result.stdout.no_fnmatch_line("*run the same*")


@pytest.mark.slow
def test_a_variable_that_differs_is_enough_to_compare(bench, here):
    command = f"env SOME_FLAG=1 {here.folder}/bin/python"
    result = here.start("pytest", f"--accel-against={command}", where=bench)
    check_measured(result)
    result.stdout.fnmatch_lines([note(bench)])


@pytest.mark.slow
def test_a_package_that_the_step_itself_imports_is_no_reason_to_refuse(project, tmp_path_factory):
    """Both environments have it installed with -e, each from a checkout of its own."""
    layout = Layout("lazy", ".", editable=True)
    upgrade = Upgrade(project.path, tmp_path_factory.mktemp("environments"), ONLY_PYTEST)
    upgrade.old = Environment(tmp_path_factory.mktemp("environments") / "twin")
    upgrade.write_tests(layout)
    upgrade.install(layout)
    benchmark = BENCHMARK.replace("    def step():", "    def step():\n        import mymodel")
    (project.path / "bench/test_it.py").write_text(benchmark.replace("= helpers.", "= mymodel."))
    (project.path / "bench/helpers.py").touch()
    upgrade.check_found("pytest", layout)


@pytest.mark.slow
def test_a_package_in_the_namespace_of_the_projects_own_is_another_one(project, here, twin):
    """Of acme, the project has helpers, and core is installed."""
    (project.path / "acme").mkdir()
    (project.path / "acme/helpers.py").write_text("STEP_TIME_S = 0.25\n")
    project.benchmark(BENCHMARK.replace("import helpers", "from acme import core, helpers"))
    here.install("acme_core", {"acme/core.py": "FAST = True\n"}, "2.0")
    twin.install("acme_core", {"acme/core.py": "FAST = False\n"}, "1.0")
    result = here.start("pytest", f"--accel-against={twin.folder}", where=project.path)
    check_measured(result)
    result.stdout.fnmatch_lines(
        ["changed  acme-core 1.0 -> 2.0", "note  *run the same acme.helpers (*acme/helpers.py)*"]
    )


def test_files_of_a_package_that_are_no_code_differ_too(bench, here, twin):
    """A model's settings, say."""
    for environment, width in ((here, 64), (twin, 32)):
        files = {"mymodel/__init__.py": "", "mymodel/settings.yaml": f"width: {width}\n"}
        environment.install("mymodel", files, url="file:///checkout", dir_info={})
    result = here.start("pytest", f"--accel-against={twin.folder}", where=bench)
    check_measured(result)
    result.stdout.fnmatch_lines(["changed  code of mymodel 0.1.0 (mymodel/settings.yaml)", note(bench)])


TOOL = {
    "pytest_tool.py": """
def pytest_addoption(parser):
    parser.addoption("--tool")
    parser.addini("tool_mode", "how the tool works")
""",
    "tool_extras.py": "",
    "pytest_tool-0.1.0.dist-info/entry_points.txt": "[pytest11]\ntool = pytest_tool\n",
}
"""A plugin that is installed here only."""

NEEDED = {
    "an option": ("", ["--tool=fast"], "--tool"),
    "an option in addopts": ("addopts = --tool=fast", [], "--tool"),
    "a required plugin": ("required_plugins = pytest_tool", [], "pytest_tool"),
    "a setting, and warnings are errors": ("tool_mode = auto\nfilterwarnings = error", [], "tool_mode"),
    "a setting, and they are strict": ("tool_mode = auto\nstrict_config = true", [], "tool_mode"),
    "a plugin by name": ("", ["-p", "tool_extras"], "tool_extras"),
}
"""What the other environment lacks: settings, arguments, and what is to be named."""


def settings(bench, text):
    (bench / "pytest.ini").write_text(f"[pytest]\n{text}\n")


def check_sentence(result, other, missing):
    """One that says what is missing and what to do."""
    assert result.ret == pytest.ExitCode.USAGE_ERROR, result.stdout.str()
    said = f"ERROR: --accel-against={other.folder}: "
    (sentence,) = (line for line in result.errlines if line.startswith(said))
    assert missing in sentence
    assert "nstall" in sentence
    assert "[file_or_dir]" not in sentence
    assert "Traceback" not in result.stderr.str()


@pytest.mark.slow
@pytest.mark.parametrize("what", NEEDED)
def test_what_the_projects_settings_need_and_the_other_environment_lacks_is_named(bench, here, bare, what):
    text, arguments, missing = NEEDED[what]
    settings(bench, text)
    here.install("pytest_tool", TOOL)
    result = here.start("pytest", f"--accel-against={bare.folder}", *arguments, where=bench)
    check_sentence(result, bare, missing)
    assert not (bench / "ran").exists()


def test_what_a_conftest_imports_and_the_other_environment_lacks_is_named(bench, here, bare):
    with (bench / "conftest.py").open("a") as conftest:
        conftest.write("\nimport tool_extras\n")
    here.install("pytest_tool", TOOL)
    result = here.start("pytest", f"--accel-against={bare.folder}", where=bench)
    check_sentence(result, bare, "tool_extras")


@pytest.mark.slow
@pytest.mark.parametrize("way_out", ["install", "accel_withhold"])
def test_the_way_out_that_the_sentence_names_lets_it_measure(project, here, bare, way_out):
    project.benchmark(PLAIN)
    here.install("pytest_tool", TOOL)
    if way_out == "install":
        bare.install("pytest_tool", TOOL)
    else:
        settings(project.path, "accel_withhold = --tool")
    against = f"--accel-against={bare.folder}"
    check_measured(here.start("pytest", against, "--tool=fast", where=project.path))


@pytest.mark.slow
def test_this_plugin_is_not_missing_in_the_other_environment(project, here, bare):
    """It is brought along, so projects may require it."""
    project.benchmark(PLAIN)
    settings(project.path, "required_plugins = pytest-accel")
    check_measured(here.start("pytest", f"--accel-against={bare.folder}", where=project.path))


def test_this_plugin_is_not_missing_in_a_run(project):
    settings(project.path, "required_plugins = pytest-accel")
    assert project.run().parseoutcomes() == {"no_baseline": 1}


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """The only folder of installed packages that there is."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.setattr(sys, "path", [str(folder)])
    return folder


def test_variables_are_compared_and_their_values_stay_here(monkeypatch):
    found = []
    for value in ("of-great-secrecy", "of-great-secrecy", "of-another-secrecy"):
        monkeypatch.setenv("SOME_TOKEN", value)
        found.append(variables())
    first, again, another = found
    assert first == again
    assert first["SOME_TOKEN"] != another["SOME_TOKEN"]
    assert "secrecy" not in repr(found)


def test_what_differs_between_any_two_processes_is_no_variable(monkeypatch):
    before = variables()
    for name in ("PYTEST_CURRENT_TEST", "PYTEST_ACCEL_RUN", "PWD", "SHLVL", "COLUMNS"):
        monkeypatch.setenv(name, "different")
    assert variables() == before


def test_code_that_was_put_there_by_hand_is_seen(packages):
    (packages / "handmade").mkdir()
    (packages / "handmade/layers.py").write_text("WIDTH = 1\n")
    (packages / "tool.py").touch()
    before = surroundings({}).code
    (packages / "handmade/layers.py").write_text("WIDTH = 2\n")
    after = surroundings({}).code
    assert {name: list(files) for name, files in before.items()} == {
        "handmade": ["handmade/layers.py"],
        "tool": ["tool.py"],
    }
    assert before["handmade"] != after["handmade"]
    assert before["tool"] == after["tool"]


@pytest.fixture
def loaded(tmp_path, monkeypatch):
    """A way to have a module from a file in this folder."""

    def load(name, path):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        module = types.ModuleType(name)
        module.__file__ = str(file)
        monkeypatch.setitem(sys.modules, name, module)
        return str(file.resolve())

    return load


def test_files_of_the_project_are_neither_tests_nor_installed(loaded):
    own = (
        loaded("ownmodel", "src/ownmodel/__init__.py"),
        loaded("ownmodel.layers", "src/ownmodel/layers.py"),
    )
    loaded("ownbench", "ownbench/__init__.py")
    loaded("ownbench.conftest", "ownbench/conftest.py")
    test = loaded("ownbench.speed", "ownbench/speed.py")
    loaded("ownbench.test_other", "ownbench/test_other.py")
    loaded("owninstalled", "env/lib/python3/site-packages/owninstalled.py")
    loaded("owndebian", "usr/lib/python3/dist-packages/owndebian.py")
    found = project_files(Path(test))
    assert {name: files for name, files in found.items() if "own" in name} == {"ownmodel": own}
    assert not found.keys() & {"json", "pytest", "_pytest", "pytest_accel"}
