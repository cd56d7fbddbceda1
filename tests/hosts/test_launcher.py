"""As which of several hosts a session was launched, told from the launcher's variables."""

from __future__ import annotations

import contextlib
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_accel.hosts.launcher import BadLaunch, LaunchInfo, first_node, host_and_port, launched


def tf_config(kind="worker", index=0, **cluster):
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})}


JAX = {"JAX_COORDINATOR_ADDRESS": "a:1234", "JAX_NUM_PROCESSES": "4", "JAX_PROCESS_ID": "3"}
SLURM = {
    "SLURM_JOB_ID": "4097",
    "SLURM_STEP_NODELIST": "gpu[07-09,12]",
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_PROCID": "2",
    "SLURM_NTASKS": "4",
}


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        (
            {"JAX_NUM_PROCESSES": "2", "JAX_PROCESS_ID": "0"},
            "JAX_NUM_PROCESSES says that this is one of 2 hosts, and JAX_COORDINATOR_ADDRESS is not set",
        ),
        (
            {"SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "0"},
            "SLURM_STEP_NUM_TASKS says that this is one of 2 hosts, and SLURM_STEP_NODELIST is not set",
        ),
    ],
)
def test_a_launcher_that_says_half_of_it_is_no_launcher_of_one_host(variables, said):
    with pytest.raises(BadLaunch, match=re.escape(said)):
        launched(variables)


def without(variables, *names):
    return {name: value for name, value in variables.items() if name not in names}


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, None),
        (
            tf_config(index=1, worker=["a:2222", "b:2223"]),
            LaunchInfo("TF_CONFIG", 1, 2, "a", 2222, ("a:2222", "b:2223")),
        ),
        (
            tf_config(index=0, chief=["c:1000"], worker=["a:2222"]),
            LaunchInfo("TF_CONFIG", 1, 2, "c", 1000, ("c:1000", "a:2222")),
        ),
        (
            tf_config(kind="chief", chief=["c:1000"], worker=["a:2222"]),
            LaunchInfo("TF_CONFIG", 0, 2, "c", 1000, ("c:1000", "a:2222")),
        ),
        (tf_config(worker=["a:2222"]), None),
        ({"TF_CONFIG": "{}"}, None),
        ({"TF_CONFIG": " "}, None),
        (JAX, LaunchInfo("JAX_PROCESS_ID", 3, 4, "a", 1234)),
        (
            {**without(JAX, "JAX_PROCESS_ID"), "JOB_COMPLETION_INDEX": "1"},
            LaunchInfo("JAX_PROCESS_ID", 1, 4, "a", 1234),
        ),
        (
            {"TPU_WORKER_HOSTNAMES": "t0, t1,t2", "TPU_WORKER_ID": "2"},
            LaunchInfo("TPU_WORKER_ID", 2, 3, "t0", 8482),
        ),
        ({"TPU_WORKER_HOSTNAMES": "localhost", "TPU_WORKER_ID": "0"}, None),
        (SLURM, LaunchInfo("SLURM_PROCID", 2, 4, "gpu07", 61440 + 4097 % 4092)),
        (without(SLURM, "SLURM_STEP_NODELIST", "SLURM_STEP_NUM_TASKS"), None),  # the script of sbatch
        ({**SLURM, "SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"}, None),
    ],
)
def test_what_launchers_say(variables, expected):
    assert launched(variables) == expected


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"TF_CONFIG": "{"}, "TF_CONFIG is not as TensorFlow wants it"),
        ({"TF_CONFIG": "[1]"}, "TF_CONFIG is not as TensorFlow wants it"),
        ({"TF_CONFIG": '{"cluster": {"worker": ["a:1", "b:2"]}}'}, "TF_CONFIG is not as TensorFlow wants it"),
        (tf_config(kind="ps", worker=["a:1111", "b:2222"], ps=["c:1"]), "on the chief and the workers only"),
        (
            tf_config(index=2, worker=["a:1111", "b:2222"]),
            "TF_CONFIG gives host index 2, but there are 2 hosts",
        ),
        (tf_config(worker=["a", "b:2222"]), "TF_CONFIG=a: give HOST:PORT"),
        ({**JAX, "JAX_COORDINATOR_ADDRESS": "a"}, "JAX_COORDINATOR_ADDRESS=a: give HOST:PORT"),
        ({**JAX, "JAX_PROCESS_ID": "first"}, "JAX_PROCESS_ID is 'first': set it to the number of this"),
        (without(JAX, "JAX_NUM_PROCESSES"), "JAX_NUM_PROCESSES is not set: set it to a whole number above 0"),
        (without(JAX, "JAX_PROCESS_ID"), "JAX_PROCESS_ID or JOB_COMPLETION_INDEX is not set"),
        ({**JAX, "JAX_PROCESS_ID": "4"}, "JAX_PROCESS_ID gives host index 4, but there are 4 hosts"),
        ({"TPU_WORKER_HOSTNAMES": "t0,t1"}, "TPU_WORKER_ID is not set"),
        (without(SLURM, "SLURM_PROCID"), "SLURM_PROCID is not set"),
    ],
)
def test_what_contradicts_itself_is_named(variables, said):
    with pytest.raises(BadLaunch, match=said.replace("(", r"\(")):
        launched(variables)


@pytest.mark.parametrize(
    ("nodes", "first"),
    [("n1", "n1"), ("n1,n2", "n1"), ("n[001-0015],m", "n001"), ("n[7,9-12]", "n7"), ("a-b[3-4]", "a-b3")],
)
def test_the_first_of_slurms_nodes(nodes, first):
    assert first_node(nodes) == first


@given(
    host=st.from_regex(r"[a-z0-9][a-z0-9.-]{0,20}|\[[0-9a-f:]{2,20}\]", fullmatch=True),
    port=st.integers(2, 65535),
)
def test_an_address_comes_apart(host, port):
    assert host_and_port(f"{host}:{port}", "OPTION") == (host.strip("[]"), port)


@given(st.text(alphabet="abc:[]0123456789", max_size=12))
def test_what_is_no_address_is_refused_by_name(text):
    refused = pytest.raises(BadLaunch, match=re.escape(f"OPTION={text}: give HOST:PORT"))
    host, _, port = text.rpartition(":")
    if host.strip("[]") and port.isdecimal() and 1 < int(port) < 2**16:
        refused = contextlib.nullcontext()
    with refused:
        host_and_port(text, "OPTION")
