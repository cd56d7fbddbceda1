"""Write the report of pytest-accel as a comment on a pull request, or update the one that is there.

    python3 comment.py accel-report.md

Runs where nothing of the pull request runs, since the token may write. The report comes from a job in which
the code of the pull request did run, so it is text that nobody has checked: it mentions nobody, and it has no
marker. Python's standard library only.
"""

from __future__ import annotations

import hashlib
import http.client
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

MAX_FOLDED = 100
"""Parts that are still folded where a long report is cut, and are closed. A report has at most three."""

MAX_COMMENTS = 3000

TIMEOUT_S = 30.0

TRIES = 3

PAUSE_S = 2.0


class Refused(Exception):
    """GitHub did not do what was asked; the message says why."""


def main() -> int:
    pull_request = pull_request_of(Path(os.environ["GITHUB_EVENT_PATH"]))
    if not pull_request:
        print("There is no pull request to comment on: the job's summary has the report.")
        return 0
    repository = os.environ["GITHUB_REPOSITORY"]
    head = member(pull_request, "head")
    if member(member(head, "repo"), "full_name") != repository:
        print("The pull request comes from a fork: the summary of the other job has the report.")
        return 0
    marker = marker_of(os.environ["ACCEL_ARTIFACT"])
    body = body_of(Path(sys.argv[1]), marker, commit=str(member(head, "sha")))
    comments = f"repos/{repository}/issues/{member(pull_request, 'number')}/comments"
    try:
        mine = find(comments, marker, os.environ["ACCEL_AUTHOR"])
        if mine is None:
            answer = call("POST", comments, {"body": body})
        else:
            answer = call("PATCH", f"repos/{repository}/issues/comments/{mine}", {"body": body})
    except Refused as refused:
        print(f"::error title=pytest-accel comment::{one_line(str(refused))}")
        return 1
    print(member(answer, "html_url") or "The comment is written.")
    return 0


def pull_request_of(event: Path) -> Any:
    """The pull request of the event that started the workflow, None for an event of another kind."""
    try:
        return member(json.loads(event.read_text(encoding="utf-8")), "pull_request")
    except (OSError, ValueError, RecursionError):
        return None


def member(data: Any, name: str) -> Any:
    """A member of a JSON object, None if there is no such thing."""
    return data.get(name) if isinstance(data, dict) else None


def marker_of(artifact: str) -> str:
    """What a comment begins with so that it is found again; not shown by GitHub."""
    digest = hashlib.sha256(artifact.encode(errors="replace")).hexdigest()[:12]
    return f"<!-- pytest-accel comment {re.sub('[^A-Za-z0-9._]+', '_', artifact)[:100]} {digest} -->"


def body_of(report: Path, marker: str, *, commit: str) -> str:
    run = "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}".format_map(os.environ)
    # Above the report: what that leaves open, such as a comment or a block of code, would swallow it.
    origin = f"Commit {commit[:12]}. [Log, page and numbers]({run})."
    if not report.is_file():
        text = "## pytest-accel: no report\n\nThe benchmarks ended before there was one: the log says why."
    else:
        text = harmless(report.read_bytes().decode(errors="replace"))
    if len(text) > MAX_CHARACTERS:
        text = shortened(text)
    return f"{marker}\n{origin}\n\n{text.strip()}\n"


def shortened(text: str) -> str:
    text = text[:MAX_CHARACTERS]
    text = text.rpartition("\n")[0] or text
    folded, unfolded = (len(re.findall(f"<{slash}details", text, re.IGNORECASE)) for slash in ("", "/"))
    closed = "</details>" * min(MAX_FOLDED, max(0, folded - unfolded))
    return f"{text}\n\n{closed}\n\nThe rest does not fit: see the page."


def harmless(text: str) -> str:
    """The text without mentions, and without a marker that could be taken for ours."""
    text = re.sub(r"@(?!<!-- -->)", "@<!-- -->", text)
    return text.replace("<!-- pytest-accel", "<!-- another pytest-accel")


def find(comments: str, marker: str, author: str) -> Any:
    """The number of this author's first comment that begins with the marker. Others' are never touched."""
    for page in range(1, MAX_COMMENTS // 100 + 1):
        found = call("GET", f"{comments}?per_page=100&page={page}")
        if not isinstance(found, list):
            raise Refused(f"GET {comments}: GitHub's answer is not a list of comments")
        for comment in found:
            is_mine = member(member(comment, "user"), "login") == author
            if is_mine and str(member(comment, "body") or "").startswith(marker):
                return member(comment, "id")
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
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
                return json.loads(read(answer))
        except urllib.error.HTTPError as error:
            # A comment that was made although the answer says otherwise would be made twice.
            if error.code >= 500 and tries_left and method != "POST":
                time.sleep(PAUSE_S)
                continue
            raise Refused(refusal(method, path, error)) from None
        except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
            raise Refused(f"{method} {path}: no answer from GitHub: {error!r}") from None
    raise AssertionError("the last try returns or raises")


def read(answer: http.client.HTTPResponse) -> bytes:
    """All of an answer, however slowly it comes. Raises TimeoutError."""
    until_s, content = time.monotonic() + TIMEOUT_S, b""
    while piece := answer.read1(2**16):
        content += piece
        if time.monotonic() > until_s:
            raise TimeoutError(f"not whole after {TIMEOUT_S:g} s")
    return content


def refusal(method: str, path: str, error: urllib.error.HTTPError) -> str:
    """What GitHub says, and what to do where it is the token."""
    try:
        said = member(json.loads(error.read(2**16)), "message")
    except (OSError, http.client.HTTPException, ValueError, RecursionError):
        said = None
    text = f"GitHub answers {error.code} to {method} {path}" + (f" ({str(said)[:300]})" if said else "")
    if error.code in (401, 403, 404) and "rate limit" not in str(said):
        text += ": give the job `permissions: pull-requests: write`, and a token of this repository"
    return text


def one_line(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    sys.exit(main())
