"""Apache Kafka in KRaft mode, one broker, from Maven Central's jars.

A broker needs Java 17 or later; Maven fetches the jars that `requirements/kafka.pom.xml` names
(46 jars, 43 MB), once, into a cache. https://kafka.apache.org/documentation/#kraft
"""

from __future__ import annotations

import base64
import shutil
import uuid
from pathlib import Path

from gateway.demo.servers.command import finished
from gateway.demo.servers.process import Child, ServerError, free_port, port_open

POM = Path(__file__).parent.parent / "requirements" / "kafka.pom.xml"
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
num.partitions=4
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
"""


def missing() -> str | None:
    """What this machine lacks to run a broker, as a sentence, or None."""
    lacking = [name for name in ("java", "mvn") if shutil.which(name) is None]
    if not lacking:
        return None
    return (
        f"Kafka needs Java 17 and Maven, and {' and '.join(lacking)} cannot be found; "
        "on Debian and Ubuntu: apt-get install openjdk-17-jre-headless maven"
    )


async def jars(cache: Path) -> Path:
    """The folder with the broker's jars, fetched anew when the list of them changed.

    Raises ServerError where Java or Maven is missing, or with Maven's last words.
    """
    if (lacking := missing()) is not None:
        raise ServerError(lacking)
    folder = cache / "kafka-jars"
    stamp = folder / "pom.installed"
    wanted = POM.read_text()
    if stamp.exists() and stamp.read_text() == wanted:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    command: list[str | Path] = [
        "mvn", "-q", "-B", "-f", POM, "dependency:copy-dependencies", f"-DoutputDirectory={folder}",
    ]  # fmt: skip
    await finished("Maven", command, cache / "kafka-jars.log")
    stamp.write_text(wanted)
    return folder


class KafkaServer:
    """One broker with its own ports and data folder; killed and started again it is the same one."""

    def __init__(self, folder: Path, jar_folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._classpath = f"{jar_folder}/*"
        self._child: Child | None = None

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Format the data folder where it is new, start, and wait until clients are served.

        Raises ServerError with the end of the broker's log.
        """
        properties = self.folder / "server.properties"
        if not properties.exists():
            await self._format(properties)
        command: list[str | Path] = [
            "java",
            "-Xms256m",
            "-Xmx512m",
            "-cp",
            self._classpath,
            "kafka.Kafka",
            properties,
        ]
        self._child = Child.start("Kafka", command, log=self.folder / "kafka.log", cwd=self.folder)
        try:
            await self._child.ready(lambda: port_open(self.port), within_secs=60)
        except BaseException:
            self._child.kill()
            raise

    async def stop(self) -> None:
        if self._child is not None:
            await self._child.stop()

    def kill(self) -> None:
        """What a machine that loses power does: SIGKILL."""
        if self._child is not None:
            self._child.kill()

    async def _format(self, properties: Path) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = self.folder / "server.properties.draft"
        draft.write_text(
            PROPERTIES.format(
                port=self.port, controller=free_port(), data=self.folder.resolve() / "data"
            )
        )
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        command: list[str | Path] = [
            "java", "-cp", self._classpath, "kafka.tools.StorageTool",
            "format", "-t", cluster, "-c", draft,
        ]  # fmt: skip
        await finished("Kafka's StorageTool", command, self.folder / "format.log")
        draft.rename(properties)
