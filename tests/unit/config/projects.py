"""A valid small project in a folder, to be spoiled in one place at a time."""

from pathlib import Path
from textwrap import dedent

from gateway.config.load import load
from gateway.config.loaded import LoadedProject
from gateway.config.problems import Problem, ProjectError
from gateway.errors import ConfigError

CONNECTOR = """
from gateway.auth import Auth, NoAuth
from gateway.ports import ConnectorConfig, StreamSettings
from pydantic import Field


class AcmeConfig(ConnectorConfig):
    url: str = Field(default="http://127.0.0.1", pattern="^https?://")
    auth: Auth = NoAuth()
    timeout_secs: float = Field(default=1.0, gt=0)
    mode: str | list[str] = "plain"


class AcmeStream(StreamSettings):
    filter: str | None = None


class AcmeConnector:
    name = "acme"
    summary = "A system that is not there."
    config = AcmeConfig
    stream_settings = AcmeStream

    @classmethod
    def open(cls, config, streams, runtime):
        raise NotImplementedError
"""

PROJECT = """\
sources:
  crm:
    type: acme
    url: http://127.0.0.1:1
    streams:
      Account: {mapping: mappings/customer.yaml, every_secs: 5, filter: active}
endpoints:
  churn:
    type: acme
    auth: {type: api_key, key: "${env:ACME_KEY}"}
routes:
  score:
    from: customer.v1
    to: churn
    when: data.country == 'DE'
  back:
    from: prediction.churn.v1
    to: {sink: crm, stream: Account, mapping: mappings/back.yaml}
    start: latest
"""

MAPPING = """\
contract: customer.v1
key: Id
fields:
  id: Id
  name: Name
  country: {from: Country, as: country_code}
"""

BACK = """\
key: Id
fields:
  Id: record.key
  Score: score
"""


class ProjectFolder:
    """Made valid; `spoil` replaces one text by another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("headrace.yaml", PROJECT)
        self.write("mappings/customer.yaml", MAPPING)
        self.write("mappings/back.yaml", BACK)
        self.write("connectors/acme.py", CONNECTOR)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text) if text.startswith("\n") else text, encoding="utf-8")
        return path

    def spoil(self, old: str, new: str, file: str = "headrace.yaml") -> None:
        text = (self.folder / file).read_text("utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
        (self.folder / file).write_text(text.replace(old, new), encoding="utf-8")

    def load(self, overlay: str | None = None) -> LoadedProject:
        return load(self.folder, overlay=overlay)

    def problems(self, overlay: str | None = None) -> list[Problem]:
        """What is wrong; fails where nothing is."""
        try:
            self.load(overlay)
        except ProjectError as error:
            return list(error.problems)
        except ConfigError as error:
            return [Problem(error.file or "", error.line, "", error.message, error.mend)]
        raise AssertionError("the project is valid")
