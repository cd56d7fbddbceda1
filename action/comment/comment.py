"""Write the report of pytest-accel as a comment on a pull request, or update the one that is there.

    python3 comment.py accel-report.md

Runs where nothing of the pull request runs, since the token may write. The report comes from a job in which
the code of the pull request did run, so it is text that nobody has checked: it mentions nobody, and it has no
marker. Python's standard library only.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

MAX_CHARACTERS = 60_000
"""GitHub refuses a comment of more than 65,536 characters; the rest is for the lines around the report."""

MAX_COMMENTS = 3000

TRIES = 3

PAUSE_S = 2.0


class Refused(Exception):
    """GitHub did not do what was asked. ``status`` is that of HTTP, None if there was no answer."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


def main() -> int:
    event = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
    pull_request = event.get("pull_request")
    if not pull_request:
        print("There is no pull request to comment on: the job's summary has the report.")
        return 0
    repository = os.environ["GITHUB_REPOSITORY"]
    if (pull_request["head"].get("repo") or {}).get("full_name") != repository:
        print("The pull request comes from a fork: the summary of the other job has the report.")
        return 0
    marker = marker_of(os.environ["ACCEL_ARTIFACT"])
    body = body_of(Path(sys.argv[1]), marker, commit=pull_request["head"]["sha"])
    comments = f"repos/{repository}/issues/{pull_request['number']}/comments"
    try:
        mine = find(comments, marker, os.environ["ACCEL_AUTHOR"])
        if mine is None:
            answer = call("POST", comments, {"body": body})
        else:
            answer = call("PATCH", f"repos/{repository}/issues/comments/{mine}", {"body": body})
    except Refused as refused:
        print(f"::error title=pytest-accel comment::{one_line(str(refused))}")
        return 1
    print(answer.get("html_url", "The comment is written."))
    return 0


def marker_of(artifact: str) -> str:
    """What a comment begins with so that it is found again; not shown by GitHub."""
    return f"<!-- pytest-accel comment {re.sub('[^A-Za-z0-9._]+', '_', artifact)} -->"


def body_of(report: Path, marker: str, *, commit: str) -> str:
    run = "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}".format_map(os.environ)
    footer = f"Commit {commit[:12]}. [Log, page and numbers]({run})."
    if not report.is_file():
        text = "## pytest-accel: no report\n\nThe benchmarks ended before there was one: the log says why."
    else:
        text = harmless(report.read_bytes().decode(errors="replace"))
    if len(text) > MAX_CHARACTERS:
        text = shortened(text)
    return f"{marker}\n{text.strip()}\n\n{footer}\n"


def shortened(text: str) -> str:
    text = text[:MAX_CHARACTERS].rpartition("\n")[0]
    still_folded = text.count("<details>") - text.count("</details>")
    return f"{text}\n\n{'</details>' * still_folded}\n\nThe rest does not fit: see the page."


def harmless(text: str) -> str:
    """The text without mentions, and without a marker that could be taken for ours."""
    text = re.sub(r"@(?!<!-- -->)", "@<!-- -->", text)
    return text.replace("<!-- pytest-accel", "<!-- another pytest-accel")


def find(comments: str, marker: str, author: str) -> int | None:
    """The first comment of this author that begins with the marker. Others' are never touched."""
    for page in range(1, MAX_COMMENTS // 100 + 1):
        found = call("GET", f"{comments}?per_page=100&page={page}")
        for comment in found:
            is_mine = (comment.get("user") or {}).get("login") == author
            if is_mine and (comment.get("body") or "").startswith(marker):
                return int(comment["id"])
        if len(found) < 100:
            return None
    return None


def call(method: str, path: str, content: dict[str, str] | None = None) -> Any:
    """Ask GitHub's API. Raises Refused."""
    request = urllib.request.Request(
        f"{os.environ['GITHUB_API_URL']}/{path}",
        method=method,
        data=None if content is None else json.dumps(content).encode(),
        headers={
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}",
            "Content-Type": "application/json",
            "X-GitHub-Api-Version": "2022-11-28",
        },
    )
    for tries_left in reversed(range(TRIES)):
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            # A comment that was made although the answer says otherwise would be made twice.
            if error.code >= 500 and tries_left and method != "POST":
                time.sleep(PAUSE_S)
                continue
            raise Refused(refusal(method, path, error.code), error.code) from None
        except (urllib.error.URLError, TimeoutError, ValueError) as error:
            raise Refused(f"{method} {path}: no answer from GitHub: {error}") from None
    raise AssertionError("the last try returns or raises")


def refusal(method: str, path: str, status: int) -> str:
    if status in (401, 403, 404):
        return (
            f"GitHub answers {status} to {method} {path}: give the job `permissions: pull-requests: write`, "
            "and a token of this repository"
        )
    return f"GitHub answers {status} to {method} {path}"


def one_line(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    sys.exit(main())
