"""The queries: one a topic of events, one for all that changes seldom; from start to a clean stop."""

import logging
import re
import signal
import threading
import time

from pyspark.sql import SparkSession
from pyspark.sql.streaming import StreamingQuery

from app import credentials
from app.health import BEAT_SECONDS, Health, serve
from app.pipeline import Pipeline
from app.schemas import DATASETS, Dataset
from app.session import open_session
from app.settings import Settings
from app.tables import Tables

log = logging.getLogger("lakehouse")

# A query may fail that often in that time.
FAILURES = 3
FAILURES_SECONDS = 600


def queries(settings: Settings) -> dict[str, list[Dataset]]:
    """Which query takes which datasets."""
    chosen = [DATASETS[name] for name in settings.datasets]
    found = {entry.name: [entry] for entry in chosen if entry.time}
    seldom = [entry for entry in chosen if not entry.time]
    return found | ({"reference": seldom} if seldom else {})


def start(spark: SparkSession, settings: Settings, pipeline: Pipeline) -> StreamingQuery:
    """Starts a query where it was, or at the beginning of its topics."""
    topics = [re.escape(settings.topic(each.name)) for each in pipeline.datasets]
    reader = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", settings.kafka_servers)
        # A topic that is not there yet is waited for.
        .option("subscribePattern", f"^({'|'.join(topics)})$")
        .option("startingOffsets", "earliest")
        .option("maxOffsetsPerTrigger", settings.max_records)
        .option("includeHeaders", "true")
        .option("failOnDataLoss", str(settings.fail_on_data_loss).lower())
        # A window that was taken back is not there.
        .option("kafka.isolation.level", "read_committed")
    )
    for key, text in (settings.kafka_conf | credentials.kafka(settings.kafka_file)).items():
        reader = reader.option(f"kafka.{key}", text)
    return (
        reader.load()
        .writeStream.queryName(pipeline.query)
        .foreachBatch(pipeline)
        .option("checkpointLocation", f"{settings.checkpoints}/{settings.generation}/{pipeline.query}")
        .trigger(processingTime=f"{int(settings.trigger_seconds * 1000)} milliseconds")
        .start()
    )


def run(settings: Settings) -> int:
    """Streams until SIGTERM or SIGINT, then ends what is going on and returns 0; 1 if a query failed."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    health = Health(settings.batch_limit_seconds)
    serve(health, settings.listen)
    began = time.monotonic()
    spark = open_session(settings, "lakehouse")
    health.beat()
    tables = Tables(spark, settings)
    plan = queries(settings)
    tables.make([dataset for datasets in plan.values() for dataset in datasets])
    health.beat()
    running = [
        Running(spark, settings, Pipeline(name, datasets, tables, health, stopping)) for name, datasets in plan.items()
    ]
    health.ready = True
    log.info("%s started after %.1f s", ", ".join(plan), time.monotonic() - began)
    failed, keys = False, credentials.digest(settings)
    while not failed and not stopping.wait(BEAT_SECONDS):
        failed = not _look_after(running, health)
        if credentials.digest(settings) != keys:
            log.info("the keys of the object store or of Kafka have changed: starting again with the new ones")
            break
    stopping.set()
    _stop(running, settings.stop_seconds)
    spark.stop()
    log.info("stopped%s", ", as a query failed" if failed else "")
    return 1 if failed else 0


class Running:
    """A query that is started again when it fails, as long as that may help.

    The catalog or the store may be away for a moment; and Spark 4.1 fails once itself, after the batch that it does again
    at a start is committed (`KafkaMicroBatchStream.metrics` has no newest offsets then). What a batch finds in the tables
    is read there each time, so starting again here is as good as starting the process again, and quicker.
    """

    def __init__(self, spark: SparkSession, settings: Settings, pipeline: Pipeline):
        self._start = lambda: start(spark, settings, pipeline)
        self.query = self._start()
        self._failed: list[float] = []

    def look_after(self, health: Health) -> bool:
        """Whether the query is there, maybe again."""
        if not self.query.isActive:
            now = time.monotonic()
            self._failed = [*(each for each in self._failed if now - each < FAILURES_SECONDS), now]
            log.error("%s failed: %s", self.query.name, _short(self.query.exception()))
            if len(self._failed) > FAILURES:
                return False
            self.query = self._start()
        progress = self.query.lastProgress
        for source in progress["sources"] if progress else ():
            behind = (source["metrics"] or {}).get("maxOffsetsBehindLatest")
            if behind is not None:
                health.behind(self.query.name, float(behind))
        return True


def _look_after(running: list[Running], health: Health) -> bool:
    """Whether all queries are there."""
    if not all([each.look_after(health) for each in running]):
        return False
    health.beat()
    return True


def _stop(running: list[Running], seconds: float) -> None:
    """Lets batches end that are going on; new ones do not begin."""
    until = time.monotonic() + seconds
    for query in (each.query for each in running):
        while query.isActive and query.status["isTriggerActive"] and time.monotonic() < until:
            time.sleep(0.1)
        query.stop()


def _short(error: Exception | None) -> str:
    return str(error)[:4000] if error else "without a word"
