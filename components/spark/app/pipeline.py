"""A micro-batch, from bronze to gold.

`foreachBatch` goes around what Iceberg does for exactly once: after a kill the same batch comes again, or, if the
checkpoints were lost, the same records in other batches. Each step can bear that:

    bronze, quarantine   a mark in each snapshot says which offsets the table holds
    silver               ids that are there already are left out
    gold                 made anew from silver, whole minutes and hours

and as a batch ends only when all of them are done, none is left behind. Nor does it matter in which order they are done:
only gold waits, for silver. The rest goes side by side, as most of a small batch's time is waiting for the catalog and the
object store.
"""

import logging
import threading
import time
from collections.abc import Callable

from pyspark.sql import DataFrame

from app import bronze, gold, quarantine, silver
from app.batch import Batch, look
from app.health import Health
from app.schemas import Dataset
from app.tables import Tables
from app.threads import side_by_side

log = logging.getLogger("lakehouse")


class Stopping(Exception):
    """A batch that was not begun, as the process is about to end."""


class Pipeline:
    """What a query does with its batches."""

    def __init__(self, query: str, datasets: list[Dataset], tables: Tables, health: Health, stopping: threading.Event):
        self.query = query
        self.datasets = datasets
        self.tables = tables
        self.health = health
        self.stopping = stopping

    def __call__(self, records: DataFrame, epoch: int) -> None:
        """Takes a batch through; to be given to `foreachBatch`."""
        if self.stopping.is_set():
            raise Stopping(f"{self.query}: batch {epoch} waits for the next start")
        began = time.monotonic()
        with self.health.busy(self.query):
            for dataset in self.datasets:
                self._take(records, dataset, epoch)
        self.health.batch(self.query, time.monotonic() - began)

    def _take(self, records: DataFrame, dataset: Dataset, epoch: int) -> None:
        began = time.monotonic()
        topic = self.tables.settings.topic(dataset.name)
        raw = bronze.shape(records.where(records.topic == topic))
        batch = self._judged(raw, dataset, topic)
        try:
            if not batch.records:
                return
            if batch.unknown and silver.grow(batch, self.tables):
                batch.frame.unpersist()
                batch = self._judged(raw, dataset, topic)
            rows, ends = self._write(batch)
            self.health.rows(dataset.name, batch.records, rows)
            log.info(
                "batch %d of %s: %d records; bronze +%d, silver +%d, quarantine +%d; bronze after %.1f s, silver after %.1f s, gold after %.1f s",
                epoch, dataset.name, batch.records, rows["bronze"], rows["silver"], rows["quarantine"],
                *(ends[layer] - began for layer in ("bronze", "silver", "gold")),
            )  # fmt: skip
        finally:
            batch.frame.unpersist()

    def _write(self, batch: Batch) -> tuple[dict[str, int], dict[str, float]]:
        """The rows that each layer gained, and when each was written."""
        rows: dict[str, int] = {}
        ends: dict[str, float] = {}

        def layer(name: str, write: Callable[[Batch, Tables], int]) -> None:
            rows[name] = write(batch, self.tables)
            ends[name] = time.monotonic()

        def refined() -> None:
            layer("silver", silver.write)
            # Its rows are replaced, not gained.
            gold.write(batch, self.tables)
            ends["gold"] = time.monotonic()

        side_by_side(
            self.tables.spark,
            lambda: layer("bronze", bronze.write),
            lambda: layer("quarantine", quarantine.write),
            refined,
        )
        return rows, ends

    def _judged(self, raw: DataFrame, dataset: Dataset, topic: str) -> Batch:
        newest = self.tables.newest(self.tables.silver(dataset)) if dataset.time else None
        more = silver.gained(dataset, self.tables)
        frame = silver.judge(raw, dataset, more, newest, self.tables.settings).persist()
        return look(frame, dataset, topic)
