"""Bronze: every record as it was received, once."""

import json

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from app.batch import Batch
from app.tables import MARKS, Tables

COLUMNS = ("topic", "kafka_partition", "kafka_offset", "kafka_time", "key", "value", "headers", "ingested_at")


def shape(records: DataFrame) -> DataFrame:
    """Kafka's records with the columns of bronze."""
    return records.select(
        "topic",
        F.col("partition").alias("kafka_partition"),
        F.col("offset").alias("kafka_offset"),
        F.col("timestamp").alias("kafka_time"),
        "key",
        "value",
        "headers",
        F.current_timestamp().alias("ingested_at"),
    )


def beyond(frame: DataFrame, batch: Batch, marks: dict[str, int], tables: Tables) -> DataFrame | None:
    """The rows that a table with these marks does not hold yet; none if it holds them all."""
    held = {place: marks.get(tables.mark_key(batch.topic, place), -1) for place in batch.last}
    if all(held[place] < batch.first[place] for place in batch.last):
        return frame
    if all(held[place] >= batch.last[place] for place in batch.last):
        return None
    new = F.lit(False)
    for place, offset in held.items():
        new = new | ((F.col("kafka_partition") == place) & (F.col("kafka_offset") > offset))
    return frame.where(new)


def marked(batch: Batch, marks: dict[str, int], tables: Tables) -> dict[str, str]:
    """The marks of a table that holds the batch, too."""
    mine = {tables.mark_key(batch.topic, place): offset for place, offset in batch.last.items()}
    after = marks | {key: max(offset, marks.get(key, -1)) for key, offset in mine.items()}
    return {MARKS: json.dumps(after, sort_keys=True)}


def write(batch: Batch, tables: Tables) -> int:
    """Appends the batch; returns how many rows were new."""
    table = tables.bronze(batch.dataset)
    with tables.writing(table):
        marks = tables.marks(table)
        rows = beyond(batch.frame.select(*COLUMNS), batch, marks, tables)
        if rows is None:
            return 0
        return tables.append(rows, table, marked(batch, marks, tables)).rows
