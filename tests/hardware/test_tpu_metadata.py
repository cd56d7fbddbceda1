"""A TPU slice that only its metadata server knows of: a real HTTP server stands in for it."""

from __future__ import annotations

import http.server
import threading

import pytest

from pytest_accel.hardware import tpu_metadata

ATTRIBUTES = {
    "worker-network-endpoints": "unknown:unknown:10.0.0.7,unknown:unknown:10.0.0.8",
    "agent-worker-number": "1",
}


@pytest.fixture
def asked(monkeypatch):
    """What the server was asked for."""
    seen = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.path)
            folder, _, name = self.path.rpartition("/")
            known = folder == "/computeMetadata/v1/instance/attributes" and name in ATTRIBUTES
            known = known and self.headers["Metadata-Flavor"] == "Google"
            self.send_response(200 if known else 404)
            self.end_headers()
            self.wfile.write(ATTRIBUTES.get(name, "").encode())

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("GCE_METADATA_IP", f"127.0.0.1:{server.server_port}")
        yield seen
        server.shutdown()


def test_the_server_says_which_worker_this_is(asked, tmp_path):
    (tmp_path / "dev" / "accel0").touch()

    assert tpu_metadata.worker() == {"TPU_WORKER_HOSTNAMES": "10.0.0.7,10.0.0.8", "TPU_WORKER_ID": "1"}


def test_nobody_is_asked_without_a_tpu_or_where_it_is_known(asked, tmp_path, monkeypatch):
    assert tpu_metadata.worker() == {}
    (tmp_path / "dev" / "accel0").touch()
    monkeypatch.setenv("TPU_WORKER_HOSTNAMES", "localhost")

    assert tpu_metadata.worker() == {}
    assert asked == []


def test_a_server_that_knows_nothing_of_slices_leaves_the_machine_alone(asked, tmp_path, monkeypatch):
    (tmp_path / "dev" / "accel0").touch()
    monkeypatch.setitem(ATTRIBUTES, "agent-worker-number", "0")
    monkeypatch.delitem(ATTRIBUTES, "worker-network-endpoints")

    assert tpu_metadata.worker() == {}
    assert len(asked) == 1


def test_no_server_at_all(tmp_path, monkeypatch):
    (tmp_path / "dev" / "accel0").touch()
    monkeypatch.setenv("GCE_METADATA_IP", "127.0.0.1:9")

    assert tpu_metadata.worker() == {}
