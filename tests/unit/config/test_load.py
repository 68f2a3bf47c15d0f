"""Whole projects: what is read, and what is said of each mistake."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.config.load import load
from gateway.errors import ConfigError, SecretError
from gateway.secrets import Secret
from tests.unit.config.projects import PROJECT, ProjectFolder


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("ACME_KEY", "a-key-that-nobody-may-see")
    monkeypatch.delenv("HEADRACE_OVERLAY", raising=False)


def test_a_valid_project_is_read_whole(project: ProjectFolder):
    loaded = project.load()
    assert loaded.sources["crm"].config.url == "http://127.0.0.1:1"
    assert loaded.sources["crm"].streams["Account"].filter == "active"
    assert loaded.project.sources["crm"].streams["Account"].every_secs == 5
    assert loaded.endpoints["churn"].config.auth.key == Secret("${env:ACME_KEY}")
    assert loaded.conditions["score"].matches({"data": {"country": "DE"}})
    assert set(loaded.mappings) == {"mappings/customer.yaml", "mappings/back.yaml"}
    assert "prediction.churn.v1" in loaded.contracts
    assert loaded.database == project.folder / ".headrace/headrace.db"
    assert "a-key-that-nobody-may-see" not in repr(loaded)


def test_the_file_itself_can_be_named(project: ProjectFolder):
    assert load(project.folder / "headrace.yaml").folder == project.folder


def test_the_digest_changes_with_the_file_and_with_a_mapping(project: ProjectFolder):
    first = project.load().digest
    project.spoil("name: Name", "name: FullName", "mappings/customer.yaml")
    second = project.load().digest
    project.spoil("every_secs: 5", "every_secs: 6")
    assert len({first, second, project.load().digest}) == 3


WRONG = {
    "a setting of the project": (
        "routes:", "nework: {}\nroutes:", 11, "nework", "no setting `nework`", "`network`",
    ),
    "a setting of a connector": (
        "    url: http", "    urll: x\n    url: http", 4, "sources.crm.urll",
        "no setting `urll`", "Did you mean `url`?",
    ),
    "a setting of a stream": (
        "filter: active", "filtre: active", 6, "sources.crm.streams.Account.filtre",
        "no setting `filtre`", "Did you mean `filter`?",
    ),
    "one of the gateway's own settings beside a connector's": (
        "every_secs: 5", "every_sec: 5", 6, "sources.crm.streams.Account.every_sec",
        "no setting `every_sec`", "Did you mean `every_secs`?",
    ),
    "a value out of range": (
        "every_secs: 5", "every_secs: 0", 6, "sources.crm.streams.Account.every_secs",
        "it is 0, but must be greater than 0", None,
    ),
    "a value of another kind": (
        "every_secs: 5", "every_secs: often", 6, "sources.crm.streams.Account.every_secs",
        "it is text, but must be a number", None,
    ),
    "a setting with two kinds": (
        "    url: http", "    mode: 3\n    url: http", 4, "sources.crm.mode",
        "must be text or a list", None,
    ),
    "an unknown connector": (
        "    type: acme\n    url", "    type: acmee\n    url", 3, "sources.crm.type",
        "no connector `acmee`", "Did you mean `acme`?",
    ),
    "a connector without a type": (
        "    type: acme\n    url", "    url", 2, "sources.crm.type", "`type` is missing", None,
    ),
    "a source that is nothing": (
        "routes:", "  empty:\nroutes:", 11, "endpoints.empty",
        "it is empty, but must be settings", None,
    ),
    "a kind of credentials": (
        "type: api_key", "type: apikey", 10, "endpoints.churn.auth.type",
        "`type` is `apikey`", "Did you mean `api_key`?",
    ),
    "a secret in the file": (
        '"${env:ACME_KEY}"', "hunter2hunter2", 10, "endpoints.churn.auth.key",
        "must not stand in the file", "${env:NAME}",
    ),
    "a secret that does not exist": (
        "${env:ACME_KEY}", "${env:ACME_KEEY}", 10, "endpoints.churn.auth.key",
        "ACME_KEEY is not set", "Set it",
    ),
    "a secret's file that does not exist": (
        "${env:ACME_KEY}", "${file:secrets/none}", 10, "endpoints.churn.auth.key",
        "secrets/none cannot be read", "Make it",
    ),
    "a vault": (
        "${env:ACME_KEY}", "${vault:kv/acme}", 10, "endpoints.churn.auth.key",
        "not supported yet", "${env:NAME}",
    ),
    "a variable in ordinary text": (
        "http://127.0.0.1:1", '"${env:NO_SUCH_HOST}"', 4, "sources.crm.url",
        "NO_SUCH_HOST is not set", "Set it",
    ),
    "a contract": (
        "from: customer.v1", "from: custommer.v1", 13, "routes.score.from",
        "no contract `custommer.v1`", "Did you mean `customer.v1`?",
    ),
    "the prediction of an endpoint that is not there": (
        "prediction.churn.v1", "prediction.chrun.v1", 17, "routes.back.from",
        "no contract `prediction.chrun.v1`", "No endpoint is called `chrun`. Did you mean `churn`?",
    ),
    "an endpoint": (
        "to: churn", "to: chrun", 14, "routes.score.to", "no endpoint `chrun`", "`churn`",
    ),
    "a source as an endpoint": (
        "to: churn", "to: crm", 14, "routes.score.to", "no endpoint `crm`", "{sink: crm",
    ),
    "a sink": (
        "sink: crm", "sink: crn", 18, "routes.back.to.sink", "no source `crn`", "`crm`",
    ),
    "a sink without a start": (
        "    start: latest\n", "", 16, "routes.back", "`start` must be said", "start: latest",
    ),
    "a condition": (
        "data.country == 'DE'", "data.country = 'DE'", 15, "routes.score.when",
        "the condition is not CEL: character 14", "`==`",
    ),
    "a name in a condition": (
        "data.country == 'DE'", "country == 'DE'", 15, "routes.score.when",
        "no `country`", "`data.country`",
    ),
    "a mapping file": (
        "mappings/customer.yaml", "mappings/custommer.yaml", 6,
        "sources.crm.streams.Account.mapping", "no file `mappings/custommer.yaml`", "folder",
    ),
    "a storage of another profile": (
        "routes:", "storage: postgresql://db/x\nroutes:", 11, "storage",
        "`postgresql` is no storage of this version", "sqlite:///.headrace/headrace.db",
    ),
    "a storage that names no file": (
        "routes:", 'storage: "sqlite://"\nroutes:', 11, "storage", "names no SQLite file", "FILE",
    ),
    "a network": (
        "routes:", "network: {allow: [10.0.0.1/8]}\nroutes:", 11, "network.allow[0]",
        "10.0.0.1/8 has host bits set", "CIDR",
    ),
    "a name": (
        "  score:", "  'sc ore':", 12, "routes.sc ore", "does not match the pattern", None,
    ),
    "a tab": (
        "    to: churn", "\tto: churn", 14, "", "a tab stands where", "spaces",
    ),
    "a name that stands twice": (
        "  back:", "  score: {}\n  back:", 16, "routes.score",
        "`score` stands twice, first on line 12", "Keep one",
    ),
    "an unquoted reference": (
        '"${env:ACME_KEY}"', "${env:ACME_KEY}", 10, "", "not YAML", "quote a reference",
    ),
    "a Python object": (
        "start: latest", "start: !!python/object:os.system {}", 19, "routes.back.start",
        "`!!python/object:os.system` is not allowed", "Remove it.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_is_told_with_line_place_cause_and_mend(project: ProjectFolder, case: str):
    old, new, line, place, cause, mend = WRONG[case]
    project.spoil(old, new)
    problems = [each for each in project.problems() if each.place == place]
    assert len(problems) == 1, project.problems()
    [problem] = problems
    assert (problem.file, problem.line) == ("headrace.yaml", line)
    assert cause in problem.cause
    if mend is not None:
        assert mend in (problem.mend or "")
    assert "hunter2" not in str(problem)


WRONG_MAPPING = {
    "an unknown setting": ("key: Id", "kee: Id", 2, "kee", "no setting `kee`", "`key`"),
    "an unknown field of the contract": (
        "  name: Name", "  nam: Name", 5, "fields.nam", "no field `nam`", "`name`",
    ),
    "a required field that is not mapped": (
        "  name: Name\n", "", 3, "fields", "needs `name`", "Add `name:",
    ),
    "an unknown converter": (
        "as: country_code", "as: countrycode", 6, "fields.country.as", "countrycode", "country_code",
    ),
    "two origins": (
        "from: Country, as: country_code", "from: Country, value: DE", 6, "fields.country",
        "exactly one of", None,
    ),
    "an unknown contract": (
        "customer.v1", "customer.v7", 1, "contract", "no contract `customer.v7`", "`customer.v1`",
    ),
    "no contract": ("contract: customer.v1\n", "", 1, "", "`contract` is missing", "customer.v1"),
    "no mapping at all": ("contract: customer.v1", "- a\n", 3, "", "", None),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_MAPPING)
def test_a_mistake_in_a_mapping_is_told_likewise(project: ProjectFolder, case: str):
    old, new, line, place, cause, mend = WRONG_MAPPING[case]
    project.spoil(old, new, "mappings/customer.yaml")
    problems = project.problems()
    found = [each for each in problems if each.place == place]
    assert found, problems
    assert (found[0].file, found[0].line) == ("mappings/customer.yaml", line)
    assert cause in found[0].cause
    if mend is not None:
        assert mend in (found[0].mend or "")


def test_a_mapping_of_a_sink_is_judged_by_its_own_rules(project: ProjectFolder):
    project.spoil("key: Id", "contract: customer.v1\nkey: Idd", "mappings/back.yaml")
    [problem] = project.problems()
    assert (problem.file, problem.line) == ("mappings/back.yaml", 1)
    assert "has no meaning in the mapping of a sink" in problem.cause


def test_several_mistakes_are_told_together_in_file_order(project: ProjectFolder):
    project.spoil("    url: http", "    urll: x\n    url: http")
    project.spoil("type: api_key", "type: apikey")
    project.spoil("to: churn", "to: chrun")
    project.spoil("  name: Name", "  nam: Name", "mappings/customer.yaml")
    problems = project.problems()
    assert [(each.file, each.line) for each in problems] == [
        ("headrace.yaml", 4),
        ("headrace.yaml", 11),
        ("headrace.yaml", 15),
        ("mappings/customer.yaml", 3),
        ("mappings/customer.yaml", 5),
    ]


def test_a_missing_secret_alone_is_a_secret_error(project: ProjectFolder, monkeypatch):
    monkeypatch.delenv("ACME_KEY")
    with pytest.raises(SecretError, match=r"headrace\.yaml:10: .*ACME_KEY is not set"):
        project.load()


def test_a_reference_in_ordinary_text_is_replaced(project: ProjectFolder, monkeypatch):
    monkeypatch.setenv("ACME_HOST", "erp.example.com")
    project.spoil("http://127.0.0.1:1", '"https://${env:ACME_HOST}/x?$${y}"')
    loaded = project.load()
    assert loaded.sources["crm"].config.url == "https://erp.example.com/x?${y}"
    assert "${env:ACME_HOST}" in loaded.project.sources["crm"].settings["url"]


def test_a_secret_in_a_file_is_found_from_the_projects_folder(project: ProjectFolder):
    project.write("secrets/acme", "from-the-file\n")
    project.spoil("${env:ACME_KEY}", "${file:secrets/acme}")
    key = project.load().endpoints["churn"].config.auth.key
    assert key.reveal() == "from-the-file"
    assert "from-the-file" not in repr(key)


def test_no_project_is_said_with_what_to_do(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"no headrace\.yaml in .*headrace init"):
        load(tmp_path)
    with pytest.raises(ConfigError, match="does not exist"):
        load(tmp_path / "none")


def test_an_empty_file_is_a_project_that_does_nothing(tmp_path: Path):
    (tmp_path / "headrace.yaml").write_text("# nothing yet\n")
    assert load(tmp_path).project.sources == {}


def test_a_section_without_a_line_is_none(tmp_path: Path):
    (tmp_path / "headrace.yaml").write_text("sources:\n  # erp: {}\nroutes:\napi:\n")
    assert load(tmp_path).project.api.port == 8400


def test_a_projects_own_connector_that_fails_is_told_with_its_line(project: ProjectFolder):
    project.write("connectors/broken.py", "import os\n\nos.nothing\n")
    problems = [each for each in project.problems() if each.file == "connectors/broken.py"]
    assert [(each.line, "AttributeError" in each.cause) for each in problems] == [(3, True)]


def test_an_overlay_changes_values_and_keeps_its_own_lines(project: ProjectFolder):
    project.write(
        "headrace.prod.yaml",
        "sources:\n  crm: {url: https://crm.example.com}\nroutes:\n  back: null\n",
    )
    loaded = project.load("prod")
    assert loaded.sources["crm"].config.url == "https://crm.example.com"
    assert loaded.sources["crm"].streams["Account"].filter == "active"
    assert set(loaded.project.routes) == {"score"}
    project.spoil("url: https", "urll: https", "headrace.prod.yaml")
    [problem] = project.problems("prod")
    assert (problem.file, problem.line) == ("headrace.prod.yaml", 2)


def test_the_overlay_may_be_named_by_the_environment(project: ProjectFolder, monkeypatch):
    project.write("headrace.prod.yaml", "instance: prod\n")
    monkeypatch.setenv("HEADRACE_OVERLAY", "prod")
    assert project.load().project.instance == "prod"
    monkeypatch.setenv("HEADRACE_OVERLAY", "../x")
    with pytest.raises(ConfigError, match="no overlay"):
        project.load()


LINES = PROJECT.splitlines()


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    line=st.integers(0, len(LINES) - 1),
    inserted=st.one_of(
        st.text(max_size=40),
        st.sampled_from(["{", "[", "- ", ": ", "\t", "*a", "&a ", "!!x ", "? ", "| ", "%", "null"]),
    ),
    column=st.integers(0, 40),
)
def test_whatever_is_typed_into_the_file_is_valid_or_a_config_error(
    tmp_path_factory, line: int, column: int, inserted: str
):
    os.environ["ACME_KEY"] = "a-key-that-nobody-may-see"
    project = ProjectFolder(tmp_path_factory.mktemp("fuzzed"))
    lines = list(LINES)
    lines[line] = lines[line][:column] + inserted + lines[line][column:]
    (project.folder / "headrace.yaml").write_bytes("\n".join(lines).encode("utf-8", "replace"))
    told = _told(project.folder)
    assert "a-key-that-nobody-may-see" not in told


def _told(folder: Path) -> str:
    """What is said of a project; any other error than a ConfigError fails the test."""
    try:
        load(folder)
    except ConfigError as error:
        return str(error) or "nothing, which is not enough"
    return "valid"


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_any_bytes_as_a_project_file_are_a_project_or_a_config_error(tmp_path_factory, raw: bytes):
    folder = tmp_path_factory.mktemp("bytes")
    (folder / "headrace.yaml").write_bytes(raw)
    assert _told(folder) != "nothing, which is not enough"
