"""A lakehouse of processes: a real Kafka, the real producer, the streaming job as it runs in its pod."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from app.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
LIMIT = 400


def settings_in(folder: Path, servers: str, catalog: str = "lakehouse") -> Settings:
    """Settings of tables and checkpoints in a folder, with a file as the catalog."""
    return Settings(
        kafka_servers=servers,
        catalog=catalog,
        catalog_conf={
            "type": "jdbc",
            "uri": f"jdbc:sqlite:{folder}/catalog.db?busy_timeout=30000",
            "jdbc.schema-version": "V1",
            "warehouse": f"file://{folder}/warehouse",
        },
        checkpoints=f"{folder}/checkpoints",
        trigger_seconds=1.0,
        spark_conf={"spark.local.dir": f"{folder}/local", "spark.sql.warehouse.dir": f"{folder}/unused"},
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Lake:
    """Everything that a test of the whole needs; ends what it started."""

    def __init__(self, folder: Path, spark):
        self.folder = folder
        self.spark = spark
        self.stream: subprocess.Popen | None = None
        self.log = folder / "stream.log"

    def __enter__(self):
        script = ROOT / "tests/producer/kafka/broker.sh"
        login = os.environ | {"KAFKA_LOGIN": "stream:battery", "KAFKA_CERTIFICATES": str(self.folder)}
        self.broker = subprocess.Popen([str(script)], env=login, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        addresses = self.broker.stdout.readline().split()
        assert addresses, "kafka did not start"
        # The stream comes by TLS and with a login, as to a Kafka that is elsewhere.
        self.plain, secure = addresses
        client = self.folder / "client.properties"
        client.write_text(
            "security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\n"
            "sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required"
            ' username="stream" password="battery";\n'
            f"ssl.truststore.type=PEM\nssl.truststore.location={self.folder}/ca.crt\n"
        )
        self.settings = replace(settings_in(self.folder, secure), kafka_file=str(client), listen=free_port())
        # The tests look at the same tables from a session of their own.
        conf = self.settings.catalog_conf | {"": "org.apache.iceberg.spark.SparkCatalog", "cache-enabled": "false"}
        for key, text in conf.items():
            self.spark.conf.set(f"spark.sql.catalog.lakehouse.{key}".rstrip("."), text)
        return self

    def __exit__(self, *_):
        self.kill()
        self.broker.stdin.close()
        self.broker.wait(30)

    def environment(self) -> dict[str, str]:
        default = Settings()
        changed = {
            f"LAKEHOUSE_{name.upper()}": json.dumps(value) if isinstance(value, dict) else str(value)
            for name, value in vars(self.settings).items()
            if value != getattr(default, name)
        }
        return os.environ | changed

    def run(self, *arguments: str) -> subprocess.CompletedProcess:
        """Runs the job's program to its end."""
        command = [sys.executable, "-m", "app", *arguments]
        return subprocess.run(command, env=self.environment(), capture_output=True, text=True, timeout=LIMIT, check=False)

    def start(self) -> None:
        with self.log.open("a") as log:
            command = [sys.executable, "-m", "app", "stream"]
            # A group of its own: a kill takes the JVM along, as the end of a pod does.
            self.stream = subprocess.Popen(command, env=self.environment(), stderr=log, stdout=log, start_new_session=True)

    def kill(self) -> None:
        """Ends everything of the stream at once, as losing the machine would."""
        if self.stream:
            with suppress(ProcessLookupError):
                os.killpg(self.stream.pid, signal.SIGKILL)
            self.stream.wait()
            self.stream = None

    def terminate(self) -> int:
        """Asks only the first process to end, as the kubelet does; returns its exit code."""
        self.stream.terminate()
        code = self.stream.wait(LIMIT)
        self.stream = None
        return code

    def produce(self, dataset: str, window: str, *arguments: str) -> dict:
        """Fills a window; returns its manifest."""
        program = os.environ["MOORING_PRODUCER"]
        servers = ["--bootstrap-servers", self.plain, "--exactly-once", "-o", "json", "--fast"]
        command = [program, "--dataset", dataset, "--window", window, *servers, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def ask(self, path: str) -> tuple[int, str]:
        """What the stream's own server answers; 0 if there is none."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.settings.listen}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def until_ready(self) -> None:
        """Waits until all queries run."""
        end = time.monotonic() + LIMIT
        while self.ask("/readyz")[0] != 200:
            assert self.stream.poll() is None and time.monotonic() < end, self.log.read_text()[-6000:]
            time.sleep(0.5)

    def sql(self, query: str) -> list:
        return self.spark.sql(query.replace("{", "lakehouse.").replace("}", "")).collect()

    def one(self, query: str):
        """The one value of a query; none while there is no such table."""
        with suppress(Exception):
            return self.sql(query)[0][0]

    def until(self, query: str, wanted: object) -> None:
        """Waits until a query's one value is `wanted`."""
        end = time.monotonic() + LIMIT
        while (found := self.one(query)) != wanted:
            alive = self.stream is None or self.stream.poll() is None
            assert alive and time.monotonic() < end, f"{query}: {found}, not {wanted}\n{self.log.read_text()[-6000:]}"
            time.sleep(1)
