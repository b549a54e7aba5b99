"""The tables: how they are made, and how far each has come.

A table's *mark* is written into the snapshot that brings the rows, so it is true whenever the rows are there: the last
offset of each partition that the table holds. Whatever a process does again after it was killed, or after its
checkpoints were lost, is held against the marks.
"""

import json
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from app.schemas import Dataset
from app.settings import Settings

MARKS = "lakehouse.marks"
NEWEST = "lakehouse.newest"

# Where a row comes from: the same three columns in bronze, silver and quarantine.
ORIGIN = "kafka_partition int, kafka_offset bigint, kafka_time timestamp"

PROPERTIES = {
    "format-version": "2",
    "write.distribution-mode": "none",
    "write.spark.fanout.enabled": "true",
    "write.merge.mode": "merge-on-read",
    "write.update.mode": "merge-on-read",
    "write.delete.mode": "merge-on-read",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
    "commit.retry.num-retries": "10",
}

# A row of gold is replaced with nearly every batch, for a minute or an hour: were each change a file beside the others, a merge would
# read more of them each time. So the few files that hold the changed rows are written anew, and partitions keep those small.
REPLACED = {"write.merge.mode": "copy-on-write"}

BRONZE = f"topic string, {ORIGIN}, key binary, value binary, headers array<struct<key: string, value: binary>>, ingested_at timestamp"
QUARANTINE = (
    f"dataset string, topic string, {ORIGIN}, reason string, field string, detail string, key string, value string, "
    "quarantined_at timestamp"
)
# What silver has beside an event's own fields. `extras` holds what no column holds yet.
SILVER = {"extras": "map<string, string>", "lateness_ms": "bigint", "is_late": "boolean"}
SILVER_ORIGIN = f"{ORIGIN}, ingested_at timestamp"

GOLD = {
    "revenue_by_minute": (
        "minute timestamp, country string, region string, currency string, orders bigint, items bigint, "
        "amount_minor bigint, discount_minor bigint, shipping_minor bigint, amount decimal(20, 2), updated_at timestamp",
        "days(minute)",
    ),
    "revenue_by_product": (
        "hour timestamp, product_id bigint, currency string, orders bigint, quantity bigint, amount_minor bigint, "
        "amount decimal(20, 2), updated_at timestamp",
        "days(hour)",
    ),
    "sessions": (
        "session_id string, visitor_id bigint, customer_id bigint, country string, device string, referrer string, "
        "is_bot boolean, started_at timestamp, ended_at timestamp, duration_ms bigint, clicks bigint, dwell_ms bigint, "
        "furthest_step string, purchased boolean, updated_at timestamp",
        "hours(started_at)",
    ),
    "sensor_health": (
        "hour timestamp, device_id bigint, kind string, unit string, site string, readings bigint, missing bigint, "
        "suspect bigint, least_milli bigint, greatest_milli bigint, mean_milli bigint, last_seen timestamp, "
        "updated_at timestamp",
        "days(hour)",
    ),
}


@dataclass(frozen=True)
class Append:
    """What an append left: the rows that it added."""

    rows: int


class Tables:
    """The tables of one catalog. Each has a lock: in this process one writes it at a time."""

    def __init__(self, spark: SparkSession, settings: Settings):
        self.spark = spark
        self.settings = settings
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def bronze(self, dataset: Dataset) -> str:
        return self.settings.table("bronze", dataset.name)

    def silver(self, dataset: Dataset) -> str:
        return self.settings.table("silver", dataset.name)

    def gold(self, name: str) -> str:
        return self.settings.table("gold", name)

    @property
    def quarantine(self) -> str:
        return self.settings.table("silver", "quarantine")

    def make(self, datasets: list[Dataset]) -> None:
        """Makes the tables that are not there."""
        self._make(self.quarantine, QUARANTINE, "topic, days(kafka_time)")
        for dataset in datasets:
            self._make(self.bronze(dataset), BRONZE, "days(kafka_time)")
            own = [f"{each.column} {each.kind}" for each in dataset.fields]
            if dataset.name == "windows":
                own += ["window_key string", "topic string", "window_start timestamp", "window_end timestamp"]
            kept = SILVER if dataset.time else {"extras": SILVER["extras"]}
            columns = [*own, *(f"{name} {kind}" for name, kind in kept.items()), SILVER_ORIGIN]
            self._make(self.silver(dataset), ", ".join(columns), f"days({dataset.time})" if dataset.time else None)
        for name, (columns, partitions) in GOLD.items():
            self._make(self.gold(name), columns, partitions, REPLACED)

    def _make(self, table: str, columns: str, partitions: str | None, more: dict[str, str] | None = None) -> None:
        wanted = PROPERTIES | (more or {})
        properties = _pairs(wanted)
        clause = f" PARTITIONED BY ({partitions})" if partitions else ""
        # Not every catalog asks the namespace where its tables lie.
        layer, name = table.split(".")[-2:]
        if where := self.settings.locations.get(layer):
            clause += f" LOCATION '{where}/{name}'"
        self.spark.sql(f"CREATE TABLE IF NOT EXISTS {table} ({columns}) USING iceberg{clause} TBLPROPERTIES ({properties})")
        # One of before may have been made with others.
        there = self._load(table).properties()
        changed = {key: text for key, text in wanted.items() if there.get(key) != text}
        if changed:
            self.spark.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ({_pairs(changed)})")

    @contextmanager
    def writing(self, table: str):
        """Holds the table's lock."""
        with self._guard:
            lock = self._locks.setdefault(table, threading.Lock())
        with lock:
            yield

    def append(self, frame: DataFrame, table: str, summary: dict[str, str]) -> Append:
        """Adds rows in one snapshot that says `summary`."""
        writer = frame.writeTo(table)
        for key, text in summary.items():
            writer = writer.option(f"snapshot-property.{key}", text)
        writer.append()
        added = self._load(table).currentSnapshot().summary().get("added-records")
        return Append(int(added or 0))

    def marks(self, table: str) -> dict[str, int]:
        """The last offset that a table holds, by topic and partition."""
        text, _ = self._said(table, MARKS)
        return json.loads(text) if text else {}

    def newest(self, table: str) -> int | None:
        """The time in microseconds of a table's newest event."""
        text, _ = self._said(table, NEWEST)
        return int(text) if text else None

    def depth(self, table: str) -> int:
        """How many snapshots must stay so that none of the newest marks goes."""
        return max(self._said(table, MARKS)[1], self._said(table, NEWEST)[1])

    def mark_key(self, topic: str, partition: int) -> str:
        return f"{self.settings.generation}/{topic}/{partition}"

    def _said(self, table: str, key: str) -> tuple[str | None, int]:
        loaded = self._load(table)
        snapshot, depth = loaded.currentSnapshot(), 1
        while snapshot is not None:
            text = snapshot.summary().get(key)
            if text is not None:
                return text, depth
            parent = snapshot.parentId()
            snapshot, depth = (loaded.snapshot(parent) if parent is not None else None), depth + 1
        return None, 0

    def _load(self, table: str):
        return self.spark._jvm.org.apache.iceberg.spark.Spark3Util.loadIcebergTable(self.spark._jsparkSession, table)


def _pairs(properties: dict[str, str]) -> str:
    return ", ".join(f"'{key}' = '{text}'" for key, text in properties.items())


def again_on_conflict(work: Callable[[], None], tries: int = 6) -> None:
    """Does work that may be done twice again if somebody else (maintenance, a backfill) changed the table meanwhile."""
    for left in reversed(range(tries)):
        try:
            return work()
        except (PySparkException, Py4JJavaError) as error:
            if not left or not is_conflict(error):
                raise
            time.sleep(0.5 * (tries - left))


def is_conflict(error: Exception) -> bool:
    """Whether somebody else's commit came first."""
    text = str(error)
    return any(name in text for name in ("ValidationException", "CommitFailedException", "NotFoundException", "conflicting files"))
