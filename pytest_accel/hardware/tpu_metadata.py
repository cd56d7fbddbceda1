"""Which worker of a TPU slice this machine is, as the metadata server of a Cloud TPU says.

Pods of GKE have the same in variables.
"""

from __future__ import annotations

import os

from pytest_accel.hardware import tpu

_TIMEOUT_S = 3.0


def worker() -> dict[str, str]:
    """``TPU_WORKER_HOSTNAMES`` and ``TPU_WORKER_ID``; empty where there is no such server or slice.

    Nobody is asked on a machine without TPU chips, or where variables already say it.
    """
    if "TPU_WORKER_HOSTNAMES" in os.environ or "TPU_SKIP_MDS_QUERY" in os.environ or not tpu.local():
        return {}
    try:
        endpoints, number = _attribute("worker-network-endpoints"), _attribute("agent-worker-number")
    except OSError:
        return {}
    # Each is NAME:PORT:ADDRESS, with unknown names and ports.
    addresses = [endpoint.split(":")[-1] for endpoint in endpoints.split(",") if endpoint.strip()]
    return {"TPU_WORKER_HOSTNAMES": ",".join(addresses), "TPU_WORKER_ID": number.strip()}


def _attribute(name: str) -> str:
    import urllib.request  # takes longer than all else here, and is needed on few machines

    server = os.environ.get("GCE_METADATA_IP", "metadata.google.internal")
    request = urllib.request.Request(
        f"http://{server}/computeMetadata/v1/instance/attributes/{name}",
        headers={"Metadata-Flavor": "Google"},
    )
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
        text: str = answer.read().decode()
    return text
