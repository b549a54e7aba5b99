"""A micro-batch of one topic: its rows, judged, and what one look over them tells."""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from app.schemas import Dataset

MINUTE = timedelta(minutes=1)
# More spans than that are looked up as one.
SPANS = 60


@dataclass
class Batch:
    """`frame` has bronze's columns, `event`, `reason`, `field`, `detail`, and is cached."""

    dataset: Dataset
    topic: str
    frame: DataFrame
    records: int
    valid: int
    refused: int
    # By partition.
    first: dict[int, int]
    last: dict[int, int]
    # The minutes that the batch's events are of, in order.
    minutes: list[datetime]
    newest: int | None
    # Names that no column has.
    unknown: set[str]


def look(frame: DataFrame, dataset: Dataset, topic: str) -> Batch:
    """Goes over a judged frame once."""
    time = f"if(reason IS NULL, event.{dataset.time}, NULL)" if dataset.time else "cast(NULL AS timestamp)"
    places = (
        frame.groupBy("kafka_partition")
        .agg(
            F.expr("count(*) AS records"),
            F.expr("count_if(reason IS NULL) AS valid"),
            F.expr("min(kafka_offset) AS first"),
            F.expr("max(kafka_offset) AS last"),
            F.expr(f"collect_set(unix_seconds(date_trunc('minute', {time}))) AS minutes"),
            F.expr(f"max(unix_micros({time})) AS newest"),
            F.expr("array_distinct(flatten(collect_set(map_keys(event.extras)))) AS unknown"),
        )
        .collect()
    )
    records, valid = sum(row.records for row in places), sum(row.valid for row in places)
    minutes = {second for row in places for second in row.minutes}
    return Batch(
        dataset=dataset,
        topic=topic,
        frame=frame,
        records=records,
        valid=valid,
        refused=records - valid,
        first={row.kafka_partition: row["first"] for row in places},
        last={row.kafka_partition: row["last"] for row in places},
        minutes=[datetime.fromtimestamp(second, timezone.utc) for second in sorted(minutes)],
        newest=max((row.newest for row in places if row.newest is not None), default=None),
        unknown={name for row in places for name in row.unknown},
    )


Span = tuple[datetime, datetime]


def spans(minutes: list[datetime], unit: timedelta = MINUTE) -> list[Span]:
    """The minutes, rounded out to `unit`, as spans from (with) to (without), few enough to ask for."""
    joined: list[Span] = []
    for minute in minutes:
        start = minute - (minute - datetime(2000, 1, 1, tzinfo=timezone.utc)) % unit
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], start + unit))
        else:
            joined.append((start, start + unit))
    while len(joined) > SPANS:
        # The smallest gap costs least.
        at = min(range(len(joined) - 1), key=lambda place: joined[place + 1][0] - joined[place][1])
        joined[at : at + 2] = [(joined[at][0], joined[at + 1][1])]
    return joined


def within(column: str, between: list[Span]) -> Column:
    """Whether a time is in one of the spans, in a form that tables prune their files by."""
    found = F.lit(False)
    for start, end in between:
        found = found | ((F.col(column) >= F.lit(start)) & (F.col(column) < F.lit(end)))
    return found
