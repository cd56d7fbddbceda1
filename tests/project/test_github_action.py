"""The GitHub Action: its steps, run here, and a server in the place of GitHub's API."""

import importlib.util
import json
import os
import re
import subprocess
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).parents[2]
ACTION, COMMENT = ROOT / "action.yml", ROOT / "action/comment/action.yml"
ME, OTHER = "github-actions[bot]", "somebody"


def steps(action):
    return yaml.safe_load(action.read_text())["runs"]["steps"]


def run_step(action, name, inputs, **variables):
    """Run one step as GitHub would: its inputs, then its shell."""
    (step,) = [step for step in steps(action) if step["name"] == name]
    declared = yaml.safe_load(action.read_text())["inputs"]
    values = {key: inputs.get(key, declared[key].get("default", "")) for key in declared}
    environment = {
        key: re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda found: values[found[1]], value)
        for key, value in step["env"].items()
    }
    assert step["shell"] == "bash"
    inherited = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
    cwd = variables.pop("cwd", None)
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]],
        env={**inherited, "GITHUB_ACTION_PATH": str(action.parent), **environment, **variables},
        cwd=cwd, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("action", [ACTION, COMMENT], ids=["gate", "comment"])
def test_nothing_from_outside_becomes_part_of_a_shell_command(action):
    assert [step["name"] for step in steps(action) if "${{" in step.get("run", "")] == []


def test_code_of_a_pull_request_never_meets_a_token():
    """The gate keeps no credentials, and the action that has some runs nothing but its own script."""
    assert "token" not in ACTION.read_text().replace("no secrets", "")
    checkouts = [step for step in steps(ACTION) if "checkout" in step.get("uses", "")]
    assert [step["with"]["persist-credentials"] for step in checkouts] == [False]
    assert [step.get("run", "").split()[:1] for step in steps(COMMENT)] == [[], ["python3"]]
    for workflow in [*ROOT.glob(".github/workflows/*"), *ROOT.glob("pytest_accel/cli/templates/*.yml")]:
        assert "pull_request_target" not in workflow.read_text()


@pytest.mark.skipif(importlib.util.find_spec("check_jsonschema") is None, reason="needs check-jsonschema")
@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-actions", ["action.yml", "action/comment/action.yml"]),
        ("vendor.github-workflows", ["pytest_accel/cli/templates/training-speed.yml"]),
    ],
)
def test_github_would_accept_the_files(schema, files):
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *files],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


class Api(BaseHTTPRequestHandler):
    """Comments of one issue, as GitHub's API lists, makes and changes them."""

    def do_GET(self):
        path, _, query = self.path.partition("?")
        asked = dict(urllib.parse.parse_qsl(query))
        assert path == "/repos/team/project/issues/7/comments"
        size, page = int(asked["per_page"]), int(asked["page"])
        self.reply(200, self.server.comments[(page - 1) * size : page * size])

    def do_POST(self):
        comment = {"id": len(self.server.comments) + 1, "user": {"login": ME}, "body": self.content()}
        self.server.comments.append(comment)
        self.reply(201, {"html_url": "https://example.org/new"})

    def do_PATCH(self):
        number = int(self.path.removeprefix("/repos/team/project/issues/comments/"))
        self.server.comments[number - 1]["body"] = self.content()
        self.reply(200, {"html_url": "https://example.org/changed"})

    def content(self):
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))["body"]

    def reply(self, status, data):
        if self.headers["Authorization"] != "Bearer s3cret":
            status, data = 403, {"message": "Resource not accessible by integration"}
        if self.server.failures and (failure := self.server.failures.pop()) != 200:
            status, data = failure, {}
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(data).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def api():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.comments, server.failures = [], []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def comment(api, tmp_path):
    """Run the step that comments, on a report with this text, None for no report."""

    def comment(text, *, head="team/project", token="s3cret", event=None, **inputs):
        report = tmp_path / "pytest-accel-reports/accel-report.md"
        report.parent.mkdir(exist_ok=True)
        report.unlink(missing_ok=True)
        if text is not None:
            report.write_text(text)
        pull_request = {"number": 7, "head": {"sha": "0123456789abcdef", "repo": {"full_name": head}}}
        sent = {"pull_request": pull_request} if event is None else event
        (tmp_path / "event.json").write_text(json.dumps(sent))
        return run_step(
            COMMENT, "Write the comment", {"token": token, **inputs},
            RUNNER_TEMP=str(tmp_path),
            GITHUB_EVENT_PATH=str(tmp_path / "event.json"),
            GITHUB_REPOSITORY="team/project",
            GITHUB_API_URL=f"http://127.0.0.1:{api.server_port}",
            GITHUB_SERVER_URL="https://example.org",
            GITHUB_RUN_ID="42",
        )  # fmt: skip

    return comment


def test_the_first_push_makes_a_comment_and_later_ones_change_it(comment, api):
    assert comment("## 1 regressed\n").returncode == 0
    assert comment("## 1 passed\n").returncode == 0
    (only,) = api.comments
    assert "## 1 passed" in only["body"]
    assert "regressed" not in only["body"]
    assert "0123456789ab" in only["body"]
    assert "https://example.org/team/project/actions/runs/42" in only["body"]


def test_the_comment_is_found_among_many(comment, api):
    api.comments += [{"id": n, "user": {"login": OTHER}, "body": "hello"} for n in range(1, 251)]
    comment("one")
    comment("two")
    assert len(api.comments) == 251
    assert "two" in api.comments[-1]["body"]


def test_only_its_own_comment_is_changed(comment, api):
    comment("ours")
    copied = api.comments[0]["body"]
    api.comments[:] = [
        {"id": 1, "user": {"login": OTHER}, "body": copied},
        {"id": 2, "user": {"login": ME}, "body": "of another workflow"},
        {"id": 3, "user": None, "body": None},
    ]
    comment("ours again")
    assert [one["body"] for one in api.comments[:2]] == [copied, "of another workflow"]
    assert "ours again" in api.comments[3]["body"]


def test_each_artifact_has_a_comment_of_its_own(comment, api):
    comment("on a GPU", artifact="gpu")
    comment("on a TPU", artifact="tpu")
    comment("on a GPU again", artifact="gpu")
    assert ["TPU" in one["body"] for one in api.comments] == [False, True]


def test_text_that_nobody_checked_mentions_nobody_and_hides_nothing(comment, api):
    comment("ask @team/all <!-- pytest-accel comment gpu --> a@<!-- -->b", artifact="tpu")
    body = api.comments[0]["body"]
    assert not re.search(r"@(?!<!-- -->)", body)
    assert body.count("<!-- pytest-accel") == 1


def test_a_long_report_is_cut_at_a_line_and_nothing_stays_folded(comment, api):
    comment("<details><summary>200 passed</summary>\n\n" + "| a row of the table |\n" * 5000 + "</details>")
    body = api.comments[0]["body"]
    assert len(body) < 65_536
    assert body.count("<details>") == body.count("</details>")
    assert "The rest does not fit" in body


@pytest.mark.parametrize(
    "text", ["<details>\n" * 6000 + "x" * 10_000_000, "x" * 100_000, "<DETAILS open>\n" * 9000]
)
def test_no_report_is_too_long_for_github(comment, api, text):
    assert comment(text).returncode == 0
    body = api.comments[0]["body"]
    assert 50_000 < len(body) < 65_536
    assert "The rest does not fit" in body


@pytest.mark.parametrize("text", ["## r\n<!-- oops\n", "## r\n```\ncode"])
def test_a_report_that_leaves_something_open_hides_no_link(comment, api, text):
    comment(text)
    body = api.comments[0]["body"]
    assert body.index("actions/runs/42") < body.index("## r")


@pytest.mark.parametrize(("one", "other"), [("speed (a)", "speed [a]"), ("größe", "gräße"), ("a b", "a_b")])
def test_names_of_artifacts_that_look_alike_have_comments_of_their_own(comment, api, one, other):
    comment("one", artifact=one)
    comment("other", artifact=other)
    assert len(api.comments) == 2


@pytest.mark.parametrize("event", [[], "text", {"pull_request": {"head": None, "number": 7}}])
def test_an_event_of_any_form_is_no_traceback(comment, api, event):
    done = comment("text", event=event)
    assert (done.returncode, done.stderr, api.comments) == (0, "", [])


def test_a_gate_without_a_report_is_said_so(comment, api):
    assert comment(None).returncode == 0
    assert "ended before there was one" in api.comments[0]["body"]


@pytest.mark.parametrize("event", [{"head_commit": {}}, None], ids=["a push", "a fork"])
def test_without_a_pull_request_of_the_repository_nothing_is_asked(comment, api, event):
    done = comment("text", head="fork/project", token="wrong", event=event)
    assert (done.returncode, api.comments) == (0, [])
    assert "summary" in done.stdout


def test_a_token_that_may_not_write_is_said_with_the_way_out(comment):
    done = comment("text", token="read-only")
    assert done.returncode == 1
    assert "::error" in done.stdout
    assert "permissions: pull-requests: write" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_hiccup_of_the_server_is_tried_again_but_no_comment_is_made_twice(comment, api):
    api.failures[:] = [502]
    assert comment("text").returncode == 0
    api.comments.clear()
    api.failures[:] = [502, 200]  # taken from the end: looking works, making does not
    assert comment("text").returncode == 1
    assert len(api.comments) == 1


PROJECT = {
    "src/mymodel.py": "import time\n\n\ndef train_step():\n    time.sleep(0.002)\n",
    "pytest.ini": "[pytest]\n",
    "benchmarks/test_speed.py": (
        "import mymodel\n\n\ndef test_step(accel):\n"
        "    accel.measure(mymodel.train_step, examples_per_step=1)\n"
    ),
    # In the place of pip, which would fetch it all again: what the tests have, and the project's code.
    "install.py": (
        "import pathlib, shutil, sys, sysconfig\n"
        "site, scripts = (pathlib.Path(sysconfig.get_path(name)) for name in ('purelib', 'scripts'))\n"
        "(site / 'tests.pth').write_text('\\n'.join(sys.argv[1:]))\n"
        "shutil.copy('src/mymodel.py', site)\n"
        "pytest = scripts / 'pytest'\n"
        "pytest.write_text(f'#!{sys.executable}\\nimport pytest, sys\\nsys.exit(pytest.main())\\n')\n"
        "pytest.chmod(0o755)\n"
    ),
}


@pytest.fixture
def pull_request(tmp_path):
    """A checkout, beside which lies that of its base. Return what runs the gate in it."""
    workspace = tmp_path / "workspace"
    for folder in (workspace, workspace / ".accel-reference"):
        for name, text in PROJECT.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    paths = " ".join([str(ROOT), *(path for path in sys.path if path.endswith("-packages"))])

    def run(**inputs):
        done = run_step(
            ACTION, "Run the benchmarks",
            {
                "install": f"python install.py {paths}",
                "requirement": "pytest",
                "tests": "benchmarks/ --accel=cpu --accel-budget=4 --accel-wait=0 '--accel-tolerance=20 %'",
                **inputs,
            },
            RUNNER_TEMP=str(tmp_path / "temp"), CI="true", cwd=workspace,
        )  # fmt: skip
        report = tmp_path / "temp/pytest-accel/reports/accel-report.json"
        return done, json.loads(report.read_text()) if report.exists() else None

    run.workspace = workspace
    return run


@pytest.mark.slow
def test_a_slower_step_is_found_against_the_base_and_the_page_is_kept(pull_request, tmp_path):
    slower = PROJECT["src/mymodel.py"].replace("0.002", "0.004")
    (pull_request.workspace / "src/mymodel.py").write_text(slower)
    done, report = pull_request(against="base")
    assert done.returncode == 1, done.stdout + done.stderr
    assert [one["outcome"] for one in report["benchmarks"]] == ["regressed"]
    kept = {path.suffix for path in (tmp_path / "temp/pytest-accel/reports").iterdir()}
    assert kept == {".html", ".md", ".json"}


@pytest.mark.slow
def test_a_project_that_both_sides_import_from_the_same_files_is_refused(pull_request):
    """Else a slower pull request would be compared with itself, and pass."""
    (pull_request.workspace / "pytest.ini").write_text("[pytest]\npythonpath = src\n")
    slower = PROJECT["src/mymodel.py"].replace("0.002", "0.004")
    (pull_request.workspace / "src/mymodel.py").write_text(slower)
    done, report = pull_request(against="base")
    assert (done.returncode, report["benchmarks"]) == (4, []), done.stdout
    assert "src/mymodel.py" in done.stdout + done.stderr


@pytest.mark.slow
def test_an_installation_that_fails_is_named_and_no_old_report_is_kept(pull_request, tmp_path):
    old = tmp_path / "temp/pytest-accel/reports/accel-report.json"
    old.parent.mkdir(parents=True)
    old.write_text("{}")
    done, report = pull_request(install="false; echo never")
    assert (done.returncode, report) == (1, None)
    assert "::error title=pytest-accel::`false; echo never` ended with 1 for the candidate" in done.stdout
    assert "never\n" not in done.stdout


def test_a_command_line_that_is_none_is_named_before_anything_is_installed(pull_request):
    done, _ = pull_request(tests="benchmarks/ -k don't")
    assert done.returncode == 1
    assert (
        "::error title=pytest-accel::the input `tests` is not a command line (No closing quotation)"
        in done.stdout
    )
    assert "Environment" not in done.stdout
