"""The child finds the same test with the same parameters and options, however pytest was called."""

from __future__ import annotations

import pytest

ODD_NAMES = [
    "",
    " ",
    "a/../../b",
    "one\ntwo\t",
    "größe-数-🎲",
    "a::b",
    "[x]-[y",
    "back\\slash %s {brace}",
    "x" * 300,
]


def by_throughput(project, *arguments, **settings):
    """The benchmarks of a session: test names by what they measured, one example taking 0.25 s."""
    return {
        benchmark["metrics"]["throughput"] * 0.25: benchmark["nodeid"].partition("::")[2]
        for benchmark in project.report(*arguments, **settings)["benchmarks"]
        if benchmark["metrics"]
    }


def add_to_conftest(project, source):
    with (project.path / "conftest.py").open("a") as conftest:
        conftest.write(source)


def test_odd_parameter_names_lead_to_their_own_test(project):
    project.benchmark(
        f"""
        import pytest

        NAMES = {ODD_NAMES!r}

        @pytest.mark.parametrize("name", NAMES, ids=NAMES)
        def test_it(accel, step, name):
            accel.measure(step, examples_per_step=1 + NAMES.index(name))
        """
    )

    found = by_throughput(project)

    assert list(found) == [1 + number for number in range(len(ODD_NAMES))]
    assert len(set(found.values())) == len(ODD_NAMES)


def test_classes_may_share_the_names_of_their_tests(project):
    project.benchmark(
        """
        import pytest

        class TestOne:
            examples = 1

            def test_it(self, accel, step):
                accel.measure(step, examples_per_step=self.examples)

        class TestTwo(TestOne):
            examples = 2

        @pytest.mark.parametrize("examples", [3, 4])
        class TestThree:
            def test_it(self, accel, step, examples):
                accel.measure(step, examples_per_step=examples)

            class TestInner:
                def test_it(self, accel, step, examples):
                    accel.measure(step, examples_per_step=examples + 2)

        def test_it(accel, step):
            accel.measure(step, examples_per_step=7)
        """
    )

    assert by_throughput(project) == {
        1: "TestOne::test_it",
        2: "TestTwo::test_it",
        3: "TestThree::test_it[3]",
        4: "TestThree::test_it[4]",
        5: "TestThree::TestInner::test_it[3]",
        6: "TestThree::TestInner::test_it[4]",
        7: "test_it",
    }


DEEP = """
def test_deep(accel, step, local):
    accel.measure(step, examples_per_step=local)
"""


@pytest.fixture
def deep(project):
    """A benchmark in a subfolder with a conftest of its own."""
    project.pytester.makeini("[pytest]")
    folder = project.path / "speed" / "deep"
    folder.mkdir(parents=True)
    (folder / "conftest.py").write_text("import pytest\n\n@pytest.fixture\ndef local():\n    return 3\n")
    (folder / "test_deep.py").write_text(DEEP)
    (project.path / "test_it.py").unlink()
    return project


@pytest.mark.parametrize(
    ("folder", "arguments"),
    [
        (".", []),
        (".", ["--rootdir=speed", "-c", "tox.ini", "speed/deep"]),
        (".", ["--rootdir=elsewhere", "-c", "tox.ini", "speed"]),
        ("speed/deep", []),
        ("speed", ["deep/test_deep.py::test_deep"]),
        ("elsewhere", ["../speed/deep", "--rootdir=.."]),
        ("elsewhere", ["--pyargs", "../speed"]),
    ],
)
def test_any_way_to_call_pytest_finds_it(deep, monkeypatch, folder, arguments):
    (deep.path / "elsewhere").mkdir()
    monkeypatch.chdir(deep.path / folder)

    assert list(by_throughput(deep, *arguments)) == [3]


def test_a_folder_with_brackets_is_no_obstacle(deep, monkeypatch):
    (deep.path / "speed").rename(deep.path / "speed[1]")
    monkeypatch.chdir(deep.path / "speed[1]")

    assert list(by_throughput(deep, ".")) == [3]


def test_an_ini_file_that_the_session_does_not_use_is_not_used_by_the_child(deep):
    (deep.path / "tox.ini").unlink()
    (deep.path / "speed" / "pytest.ini").write_text("[pytest]\npython_functions = other_*\n")

    assert list(by_throughput(deep, ".")) == [3]


def test_files_of_the_same_name_under_importlib(project):
    for number, folder in enumerate(("one", "two"), start=1):
        (project.path / folder).mkdir()
        (project.path / folder / "test_it.py").write_text(
            f"def test_it(accel, step):\n    accel.measure(step, examples_per_step={number})\n"
        )
    (project.path / "test_it.py").unlink()

    assert list(by_throughput(project, "--import-mode=importlib")) == [1, 2]


def test_the_working_directory_is_that_of_the_session_whatever_a_test_does(project, tmp_path):
    project.benchmark(
        f"""
        import os, pathlib

        def test_before():
            os.chdir({str(tmp_path)!r})

        def test_it(accel, step):
            assert pathlib.Path.cwd() == pathlib.Path(__file__).parent
            accel.measure(step, examples_per_step=1)
        """
    )

    assert list(by_throughput(project)) == [1]


def test_options_of_a_conftest_choose_the_same_parameters(project):
    add_to_conftest(
        project,
        """
def pytest_addoption(parser):
    parser.addoption("--size", type=int, default=1)
    parser.addoption("--tag", action="append", default=[])
    parser.addini("flavour", "a setting of this project")

def pytest_generate_tests(metafunc):
    if "size" in metafunc.fixturenames:
        metafunc.parametrize("size", [metafunc.config.getoption("--size")])
""",
    )
    project.benchmark(
        """
        def test_it(accel, step, size, request):
            assert request.config.getoption("tag") == ["a", "b"]
            assert request.config.getini("flavour") == "sour"
            accel.measure(step, examples_per_step=size)
        """
    )

    found = by_throughput(project, "--size=7", "--tag=a", "--tag", "b", "-o", "flavour=sour")

    assert found == {7: "test_it[7]"}


def test_an_option_may_have_any_type(project):
    add_to_conftest(
        project,
        """
import pathlib

def pytest_addoption(parser):
    parser.addoption("--where", type=pathlib.Path, default=pathlib.Path("here"))
""",
    )
    project.benchmark(
        """
        import pathlib

        def test_it(accel, step, request):
            where = request.config.getoption("where")
            assert isinstance(where, pathlib.Path)
            accel.measure(step, examples_per_step=len(where.name))
        """
    )

    assert by_throughput(project) == {4: "test_it"}
    assert by_throughput(project, "--where=there") == {5: "test_it"}


def test_another_ini_file_is_used_in_the_child_too(project):
    (project.path / "other.ini").write_text("[pytest]\npython_functions = speed_of_*\nusefixtures = extra\n")
    add_to_conftest(project, "\n@pytest.fixture\ndef extra():\n    os.environ['EXTRA'] = 'yes'\n")
    project.benchmark(
        """
        import os

        def speed_of_it(accel, step):
            assert os.environ["EXTRA"] == "yes"
            accel.measure(step, examples_per_step=1)
        """
    )

    assert by_throughput(project, "-c", "other.ini") == {1: "speed_of_it"}


@pytest.mark.parametrize("name", ["helper", "accelerated_helper"])
def test_plugins_of_the_user_reach_the_child(project, name):
    (project.path / f"{name}.py").write_text(
        "import pytest\n\n@pytest.fixture\ndef examples():\n    return 5\n"
    )
    project.benchmark(
        """
        def test_it(accel, step, examples, request):
            assert not request.config.pluginmanager.has_plugin("doctest")
            accel.measure(step, examples_per_step=examples)
        """
    )

    assert list(by_throughput(project, "-p", name, "-p", "no:doctest", subprocess=True)) == [5]


def test_without_autoload_of_plugins(project):
    project.benchmark(
        """
        def test_it(accel, step, request):
            assert not request.config.pluginmanager.has_plugin("benchmark")
            accel.measure(step, examples_per_step=1)
        """
    )

    found = by_throughput(project, "--disable-plugin-autoload", "-p", "accel", subprocess=True)

    assert list(found) == [1]


def test_a_conftest_that_loads_the_plugin_itself(project):
    add_to_conftest(project, "\npytest_plugins = ['pytest_accel.session.plugin']\n")

    assert list(by_throughput(project, "--disable-plugin-autoload", subprocess=True)) == [32]
