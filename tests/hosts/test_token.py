"""The secret that hosts share: where it comes from, and what it proves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_accel.hosts.token import BadToken, Token, from_environment

SECRET = "0123456789abcdef"


def test_it_comes_from_the_environment_or_from_a_file(tmp_path):
    file = tmp_path / "token"
    file.write_text(f"{SECRET}\n")
    for environment in ({"PYTEST_ACCEL_TOKEN": SECRET}, {"PYTEST_ACCEL_TOKEN_FILE": str(file)}):
        token = from_environment(environment)
        assert token
        assert token.is_proved(Token(SECRET).proof("host", "1"), "host", "1")
    assert not from_environment({"PYTEST_ACCEL_TOKEN": " "})


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"PYTEST_ACCEL_TOKEN": "short"}, "PYTEST_ACCEL_TOKEN: the token has 5 characters; give 16 or more"),
        (
            {"PYTEST_ACCEL_TOKEN_FILE": "/nowhere"},
            "PYTEST_ACCEL_TOKEN_FILE=/nowhere: cannot be read: No such",
        ),
        ({"PYTEST_ACCEL_TOKEN_FILE": "/dev/null"}, "the file is empty"),
    ],
)
def test_one_that_is_no_secret_is_named(environment, said):
    with pytest.raises(BadToken, match=said):
        from_environment(environment)


@given(st.text(), st.text(), st.text())
def test_a_proof_holds_for_its_secret_its_role_and_its_number_only(nonce, other_nonce, other_secret):
    token = Token(SECRET)
    proof = token.proof("host", nonce)
    assert token.is_proved(proof, "host", nonce)
    assert not token.is_proved(proof, "leader", nonce)
    assert not token.is_proved("", "host", nonce)
    assert (other_nonce == nonce) or not token.is_proved(proof, "host", other_nonce)
    assert (other_secret == SECRET) or not Token(other_secret).is_proved(proof, "host", nonce)


@given(st.text())
def test_whatever_is_said_as_a_proof_is_no_error(proof):
    assert not Token(SECRET).is_proved(proof, "host", "1")


def test_without_a_secret_everybody_is_believed():
    assert Token().is_proved("anything", "host", "1")
    assert Token().proof("host", "1") == ""
