"""What the environment says: `LAKEHOUSE_*` variables, as the chart's ConfigMap has them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields


class SettingsError(ValueError):
    """A variable that cannot be used."""


@dataclass(frozen=True)
class Settings:
    """Every setting, by the name of its variable in lower case without `LAKEHOUSE_`."""

    kafka_servers: str = "kafka:9092"
    # Consumer settings by Kafka's own names.
    kafka_conf: dict[str, str] = field(default_factory=dict)
    # A file with more of them, which may be secret; when it changes, the stream starts again.
    kafka_file: str = ""
    # Whether records that Kafka no longer has stop the stream; `false` goes on without them.
    fail_on_data_loss: bool = True
    # Raised when the topics were made anew: their offsets begin at 0 again, and mean other records.
    generation: int = 1
    # Topics by dataset, where they are named otherwise.
    topics: dict[str, str] = field(default_factory=dict)
    datasets: tuple[str, ...] = ("orders", "clicks", "sensors", "customers", "products", "devices", "windows")

    catalog: str = "lakehouse"
    # Properties of the Iceberg catalog, without their prefix.
    catalog_conf: dict[str, str] = field(default_factory=dict)
    # Where a layer's tables lie, if not where the catalog puts them.
    locations: dict[str, str] = field(default_factory=dict)

    # A folder with the object store's keys, `access-key` and `secret-key`; when they change, the stream starts again.
    credentials: str = ""

    checkpoints: str = "/var/lib/lakehouse/checkpoints"
    trigger_seconds: float = 2.0
    max_records: int = 20000
    # How far behind the newest event of its topic an event may be before it counts as late.
    late_after_seconds: int = 600
    # How far behind it may be before it goes to quarantine; 0: never.
    refuse_after_seconds: int = 0

    listen: int = 4080
    # How long a micro-batch may take before the process counts as stuck.
    batch_limit_seconds: int = 600
    stop_seconds: int = 90

    master: str = "local[2]"
    heap: str = "1g"
    java_options: str = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=160m -XX:+ExitOnOutOfMemoryError"
    # Spark settings by their own names; they win.
    spark_conf: dict[str, str] = field(default_factory=dict)

    # Maintenance: files below the target are put together, snapshots kept so long, files of nobody removed after.
    target_file_bytes: int = 128 * 1024 * 1024
    keep_snapshots_hours: int = 24
    keep_snapshots: int = 20
    keep_orphans_hours: int = 72

    def topic(self, dataset: str) -> str:
        """The topic of a dataset; that of the windows is the producer's own."""
        return self.topics.get(dataset, "mooring.windows" if dataset == "windows" else dataset)

    def table(self, layer: str, name: str) -> str:
        """A table's whole name."""
        return f"{self.catalog}.{layer}.{name}"

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Settings":
        """The settings of an environment; an unknown or unusable variable is an error that names it."""
        known = {f"LAKEHOUSE_{entry.name.upper()}": entry for entry in fields(cls)}
        given = {name: text for name, text in environment.items() if name.startswith("LAKEHOUSE_")}
        values = {}
        for name, text in given.items():
            if name == "LAKEHOUSE_JARS":
                continue
            if name not in known:
                raise SettingsError(f"no setting is called {name}; there are {', '.join(sorted(known))}")
            entry = known[name]
            values[entry.name] = _read(name, text, getattr(cls(), entry.name))
        return cls(**values)


def _read(name: str, text: str, default: object) -> object:
    try:
        if isinstance(default, dict):
            value = json.loads(text or "{}")
            if not isinstance(value, dict):
                raise ValueError("not a JSON object")
            return {key: _text(each) for key, each in value.items()}
        if isinstance(default, tuple):
            return tuple(part.strip() for part in text.split(",") if part.strip())
        if isinstance(default, bool):
            if text not in ("true", "false"):
                raise ValueError("neither true nor false")
            return text == "true"
        return type(default)(text)
    except ValueError as error:
        raise SettingsError(f"{name}={text!r} cannot be read: {error}") from error


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
