"""Silver and gold made again from bronze, for whole days of events: after a rule changed, or a table was lost."""

import logging
import time
from datetime import datetime, timedelta, timezone

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from app import bronze, gold, silver
from app.batch import within
from app.schemas import DATASETS, Dataset
from app.session import open_session
from app.settings import Settings
from app.tables import Tables, again_on_conflict

log = logging.getLogger("lakehouse")

TRIES = 5


def day(text: str) -> datetime:
    """The beginning of a day in UTC, from `2026-03-01`."""
    return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=timezone.utc)


def run(settings: Settings, start: datetime, end: datetime, names: list[str]) -> int:
    """Rebuilds [start, end); returns 1 if a dataset is not as bronze says in the end."""
    spark = open_session(settings, "lakehouse-backfill")
    tables = Tables(spark, settings)
    chosen = [DATASETS[name] for name in names]
    tables.make(chosen)
    good = [rebuild(dataset, start, end, tables) for dataset in chosen]
    spark.stop()
    return 0 if all(good) else 1


def rebuild(dataset: Dataset, start: datetime, end: datetime, tables: Tables) -> bool:
    """Makes the days of a dataset anew.

    The stream may go on meanwhile. What it adds between our look at bronze and our commit could be there twice, so the
    days are looked at once more when its batch must be through, and done again if that happened.
    """
    for attempt in range(1, TRIES + 1):
        again_on_conflict(lambda: _overwrite(dataset, start, end, tables))
        time.sleep(2 * tables.settings.trigger_seconds)
        there = tables.spark.table(tables.silver(dataset)).where(within(dataset.time, [(start, end)]))
        rows, ids = there.agg(F.count("*"), F.count_distinct("event_id")).first()
        if rows == ids:
            again_on_conflict(lambda: _release(dataset, start, end, tables))
            gold.rebuild(dataset.name, start, end, tables)
            log.info("%s from %s to %s: %d events", dataset.name, start, end, rows)
            return True
        log.warning("%s: %d events came while it was rebuilt; try %d", dataset.name, rows - ids, attempt)
    return False


def _judged(dataset: Dataset, tables: Tables) -> DataFrame:
    raw = tables.spark.table(tables.bronze(dataset)).select(*bronze.COLUMNS)
    return silver.judge(raw, dataset, silver.gained(dataset, tables), None, tables.settings)


def _overwrite(dataset: Dataset, start: datetime, end: datetime, tables: Tables) -> None:
    table = tables.silver(dataset)
    days = within(dataset.time, [(start, end)])
    rows = silver.rows(_judged(dataset, tables), dataset, tables.settings).where(days)
    newest = tables.newest(table)
    writer = rows.writeTo(table)
    if newest is not None:
        writer = writer.option("snapshot-property.lakehouse.newest", str(newest))
    writer.overwrite(days)


def _release(dataset: Dataset, start: datetime, end: datetime, tables: Tables) -> None:
    """Takes out of quarantine what can be read now."""
    held = tables.spark.table(tables.quarantine).where(F.col("dataset") == dataset.name)
    if held.isEmpty():
        return
    judged = _judged(dataset, tables).where("reason IS NULL")
    free = judged.where(within(f"event.{dataset.time}", [(start, end)])).select("topic", "kafka_partition", "kafka_offset")
    free.createOrReplaceTempView("free")
    tables.spark.sql(
        f"MERGE INTO {tables.quarantine} t USING free s ON t.topic = s.topic AND t.kafka_partition = s.kafka_partition "
        "AND t.kafka_offset = s.kafka_offset WHEN MATCHED THEN DELETE"
    )


def last_days(count: int) -> tuple[datetime, datetime]:
    """So many days up to and with today."""
    today = datetime.now(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=count - 1), today + timedelta(days=1)
