"""Quarantine: every record that silver could not take, once, with the reason."""

from pyspark.sql import functions as F

from app.batch import Batch
from app.bronze import beyond, marked
from app.tables import Tables

# What is kept of a record for people to read; all of it is in bronze.
SHOWN = 2000


def write(batch: Batch, tables: Tables) -> int:
    """Appends the batch's refused records; returns how many were new."""
    if not batch.refused:
        return 0
    table = tables.quarantine
    rows = batch.frame.where("reason IS NOT NULL").select(
        F.lit(batch.dataset.name).alias("dataset"),
        "topic",
        "kafka_partition",
        "kafka_offset",
        "kafka_time",
        "reason",
        "field",
        "detail",
        F.col("key").cast("string").alias("key"),
        F.substring(F.col("value").cast("string"), 1, SHOWN).alias("value"),
        F.current_timestamp().alias("quarantined_at"),
    )
    with tables.writing(table):
        marks = tables.marks(table)
        rows = beyond(rows, batch, marks, tables)
        if rows is None:
            return 0
        return tables.append(rows, table, marked(batch, marks, tables)).rows
