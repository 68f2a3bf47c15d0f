"""What is wrong is said in a sentence, with the documented exit code, and never as a traceback."""

import socket
from pathlib import Path

import pytest

from gateway.cli.exits import MEANING, Exit, exit_code
from gateway.errors import AuthError, ConfigError, Fenced, Outage, Refusal, StoreError
from tests.unit.cli.projects import headrace

WRONG_COMMANDS = [
    (("chek",), "Did you mean 'check'?"),
    (("check", "--jso"), "--json"),
    (("preview", "crm"), "SOURCE/STREAM"),
    (("preview", "cmr/customers"), "Did you mean `crm`?"),
    (("preview", "crm/custmers"), "Did you mean `customers`?"),
    (("discover", "cmr"), "Did you mean `crm`?"),
    (("discover", "crm", "nothing"), "no stream `nothing`"),
    (("cursor", "show", "crm/nothing"), "customers"),
    (("dlq", "show", "nothing"), "no dead letter nothing"),
    (("dlq", "list", "--state", "opn"), "state"),
    (("dlq", "list", "--since", "yesterday"), "since"),
    (("contracts", "show", "custmer.v1"), "customer.v1"),
    (("connectors", "new", "My-ERP"), "small letters"),
    (("status", "--url", "nonsense://x"), "no address"),
    (("status", "--url", "http://user:key@127.0.0.1:1"), "--key-env"),
]


@pytest.mark.parametrize("arguments", WRONG_COMMANDS, ids=lambda each: str(each[0]))
def test_a_command_that_makes_no_sense_is_exit_code_two(project: Path, arguments):
    given, said = arguments
    ran = headrace(*given, cwd=project)
    assert (ran.code, ran.out) == (2, ""), ran
    assert said in ran.err
    ran = headrace(*given, "--json", cwd=project)
    assert ran.code == 2
    assert ran.json["error"].keys() >= {"code", "message", "mend"}


def test_a_wrong_project_is_exit_code_three_with_every_problem(project: Path):
    file = project / "headrace.yaml"
    file.write_text(
        file.read_text().replace("type: lines\n", "type: linse\n").replace("api:", "apy:")
    )
    for verb in (("check",), ("run", "--once"), ("status",), ("preview", "crm/customers")):
        ran = headrace(*verb, cwd=project)
        assert (ran.code, ran.out) == (3, "")
        assert "headrace.yaml:3: sources.crm.type: there is no connector `linse`." in ran.err
        assert "headrace.yaml:10: apy: there is no setting `apy` here." in ran.err
        told = headrace(*verb, "--json", cwd=project).json["error"]
        assert [each["line"] for each in told["problems"]] == [3, 10]


def test_no_project_is_exit_code_three(tmp_path: Path):
    ran = headrace("status", cwd=tmp_path)
    assert ran.code == 3
    assert "headrace init" in ran.err
    assert headrace("status", "--project", "nowhere", cwd=tmp_path).code == 3


def test_a_gateway_that_does_not_answer_is_exit_code_four(tmp_path: Path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        ran = headrace("status", "--url", url, "--json", cwd=tmp_path)
    assert ran.code == 4, ran
    assert ran.json["error"]["mend"]


def test_a_key_that_is_not_there_is_exit_code_three(tmp_path: Path):
    ran = headrace(
        "status", "--url", "http://127.0.0.1:1", "--key-env", "NO_SUCH_KEY", cwd=tmp_path
    )
    assert ran.code == 3
    assert "NO_SUCH_KEY is not set" in ran.err


def test_a_port_in_use_is_exit_code_five_and_nothing_is_read(project: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = headrace("run", "--port", str(port), cwd=project)
    assert ran.code == 5, ran
    assert f"Port {port} is in use" in ran.err
    assert "--port" in ran.err
    assert not (project / "out.jsonl").exists()


def test_off_loopback_without_keys_it_refuses_to_start(project: Path):
    ran = headrace("run", "--host", "0.0.0.0", cwd=project)
    assert ran.code == 3
    assert "api.keys" in ran.err


def test_a_state_folder_that_cannot_be_made_is_said(project: Path):
    (project / ".headrace").write_text("a file stands in the way")
    ran = headrace("run", "--once", cwd=project)
    assert ran.code in (3, 4), ran
    assert ".headrace" in ran.err


def test_an_error_nobody_foresaw_is_one_sentence_unless_asked_for(project: Path):
    connector = project / "connectors/lines.py"
    connector.write_text(
        connector.read_text().replace(
            "async def discover(self):", "async def discover(self):\n        1 / 0", 1
        )
    )
    ran = headrace("discover", "crm", cwd=project)
    assert ran.code == 70
    assert "ZeroDivisionError" in ran.err
    assert "HEADRACE_DEBUG=1" in ran.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("x"), Exit.CONFIG),
        (ConfigError("x", code="port_in_use"), Exit.CONFLICT),
        (Outage("x"), Exit.OUTAGE),
        (AuthError("x"), Exit.OUTAGE),
        (StoreError("x"), Exit.OUTAGE),
        (Fenced("x"), Exit.CONFLICT),
        (Refusal("x"), Exit.FOUND),
        (OSError("x"), Exit.OUTAGE),
        (KeyboardInterrupt(), Exit.INTERRUPTED),
        (ValueError("x"), Exit.INTERNAL),
    ],
)
def test_each_kind_of_error_has_its_exit_code(error: BaseException, code: Exit):
    assert exit_code(error) is code
    assert code in MEANING


def test_help_says_the_exit_codes_and_needs_no_project(tmp_path: Path):
    ran = headrace("--help", cwd=tmp_path)
    assert ran.code == 0
    assert "130 interrupted" in " ".join(ran.out.split())
    for verb in ("init", "check", "preview", "run", "dlq", "drift", "backfill"):
        assert verb in ran.out


def test_an_extra_that_is_missing_when_a_connector_is_opened_is_said(project: Path):
    connector = project / "connectors/lines.py"
    connector.write_text(
        connector.read_text().replace(
            "yield Lines", "import aiokafka_is_missing\n        yield Lines", 1
        )
    )
    for verb in (("discover", "crm"), ("run", "--once")):
        ran = headrace(*verb, cwd=project)
        assert ran.code == 3, ran
        assert "pip install 'aiokafka_is_missing'" in ran.err
