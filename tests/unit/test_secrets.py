from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, ValidationError

from gateway.errors import SecretError
from gateway.secrets import Secret


class Settings(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)
    key: Secret


def test_a_reference_is_read_when_it_is_used(monkeypatch):
    secret = Settings(key="${env:HEADRACE_TEST_KEY}").key
    monkeypatch.setenv("HEADRACE_TEST_KEY", "one")
    assert secret.reveal() == "one"
    monkeypatch.setenv("HEADRACE_TEST_KEY", "two")
    assert secret.reveal() == "two"


def test_a_file_is_read_anew_without_its_last_line_break(tmp_path):
    path = tmp_path / "key"
    secret = Secret(f"${{file:{path}}}")
    for written, value in (("one\n", "one"), ("two\r\n", "two"), ("three\n\n", "three\n")):
        path.write_text(written, newline="")
        assert secret.reveal() == value


@pytest.mark.parametrize(
    "value",
    [
        "hunter2", "${env:}", "${env:A}hunter2", "hunter2${env:A}", "${env:A}${env:B}", "$env:A",
        "${vault2:A}", "${ENV:A}", "", "${env:A\n}", "${env:${env:A}}", 5, None, ["${env:A}"],
    ],
)  # fmt: skip
def test_anything_else_is_refused_without_being_shown(value):
    with pytest.raises(ValidationError) as caught:
        Settings(key=value)
    assert "secrets only by reference" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.errors()[0]["type"] == "secret_reference"


@given(st.text(max_size=40).filter(lambda text: "}" not in text))
def test_no_text_is_shown_back(text):
    with pytest.raises(ValueError, match=r"^secrets only by reference: write [^\n]+$") as caught:
        Secret(text)
    assert len(text) < 6 or text not in str(caught.value)


def test_it_is_shown_as_its_reference_everywhere(monkeypatch):
    monkeypatch.setenv("HEADRACE_TEST_KEY", "hunter2")
    settings = Settings(key="${env:HEADRACE_TEST_KEY}")
    assert settings.key.reveal() == "hunter2"
    shown = [
        repr(settings), str(settings), settings.model_dump_json(), repr(settings.model_dump()),
        f"{settings.key}", repr(vars(settings)), repr(pickle.dumps(settings)),
        repr(settings.key), str(Settings.model_json_schema()),
    ]  # fmt: skip
    assert not any("hunter2" in text for text in shown)
    assert Settings.model_validate_json(settings.model_dump_json()) == settings


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("HEADRACE_TEST_KEY", raising=False)
    with pytest.raises(SecretError, match="HEADRACE_TEST_KEY is not set"):
        Secret("${env:HEADRACE_TEST_KEY}").reveal()
    monkeypatch.setenv("HEADRACE_TEST_KEY", "")
    with pytest.raises(SecretError, match="empty"):
        Secret("${env:HEADRACE_TEST_KEY}").reveal()
    with pytest.raises(SecretError, match="absent"):
        Secret(f"${{file:{tmp_path / 'absent'}}}").reveal()
    with pytest.raises(SecretError, match="cannot be read"):
        Secret(f"${{file:{tmp_path}}}").reveal()


def test_a_file_that_is_no_secret_is_not_shown(tmp_path):
    path = tmp_path / "key"
    path.write_bytes(b"hunter2\xff")
    with pytest.raises(SecretError, match="UTF-8") as caught:
        Secret(f"${{file:{path}}}").reveal()
    assert "hunter2" not in str(caught.value)
    path.write_bytes(b"x" * 70_000)
    with pytest.raises(SecretError, match="larger"):
        Secret(f"${{file:{path}}}").reveal()
