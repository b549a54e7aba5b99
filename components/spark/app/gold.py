"""Gold: aggregates, made anew from silver for whatever a batch touched.

Nothing is added up twice, as nothing is added up: a minute that got an event is read again, whole, and its row replaced.
So it is the same how often that happens, and late events find their minute.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from app.batch import MINUTE, Batch, Span, spans, within
from app.schemas import DATASETS
from app.tables import Tables, again_on_conflict
from app.threads import side_by_side

HOUR = timedelta(hours=1)
# A session has 256 clicks at most, thirty seconds apart.
LONGEST_SESSION = timedelta(hours=3)

REGIONS = {
    "central": ("AT", "CH", "CZ", "DE", "PL"),
    "north": ("DK", "FI", "NO", "SE"),
    "west": ("BE", "FR", "GB", "IE", "LU", "NL"),
    "south": ("ES", "GR", "IT", "PT"),
    "americas": ("BR", "CA", "MX", "US"),
    "asia-pacific": ("AU", "CN", "IN", "JP", "KR", "SG"),
}
# ISO 4217: currencies whose minor unit is not a hundredth.
WHOLE = ("ISK", "JPY", "KRW")
STEPS = ("home", "search", "product", "cart", "checkout", "payment", "purchase")


@dataclass(frozen=True)
class Aggregate:
    """A table of gold: `of` makes its rows from silver's of some spans of `unit`, `key` tells them apart."""

    table: str
    dataset: str
    unit: timedelta
    key: tuple[str, ...]
    # The column that the table is partitioned by.
    time: str
    of: Callable[[DataFrame], DataFrame]


def amount(minor: str) -> Column:
    """Minor units as a decimal in the currency's own unit; never a float."""
    whole = F.col(minor).cast("decimal(20, 2)")
    return F.when(F.col("currency").isin(*WHOLE), whole).otherwise((whole / F.lit(100).cast("decimal(3, 0)")).cast("decimal(20, 2)"))


def region() -> Column:
    found = F.lit(None).cast("string")
    for name, countries in REGIONS.items():
        found = F.when(F.col("country").isin(*countries), F.lit(name)).otherwise(found)
    return F.coalesce(found, F.lit("other"))


def revenue_by_minute(orders: DataFrame) -> DataFrame:
    """What was ordered, when it was: the later events of an order change nothing of it."""
    return (
        orders.where("version = 1")
        .groupBy(F.date_trunc("minute", "ordered_at").alias("minute"), "country", "currency")
        .agg(
            F.count("*").alias("orders"),
            F.sum(F.aggregate("items", F.lit(0).cast("bigint"), lambda sum, item: sum + item.quantity)).alias("items"),
            F.sum("amount_minor").alias("amount_minor"),
            F.sum("discount_minor").alias("discount_minor"),
            F.sum("shipping_minor").alias("shipping_minor"),
        )
        .withColumn("region", region())
        .withColumn("amount", amount("amount_minor"))
    )


def revenue_by_product(orders: DataFrame) -> DataFrame:
    """What was ordered of each product, at its price: without the order's discount and shipping."""
    return (
        orders.where("version = 1")
        .select(F.date_trunc("hour", "ordered_at").alias("hour"), "currency", F.explode("items").alias("item"))
        .groupBy("hour", "item.product_id", "currency")
        .agg(
            F.count("*").alias("orders"),
            F.sum(F.col("item.quantity").cast("bigint")).alias("quantity"),
            F.sum(F.col("item.quantity") * F.col("item.unit_price_minor")).alias("amount_minor"),
        )
        .withColumn("amount", amount("amount_minor"))
    )


def sessions(clicks: DataFrame) -> DataFrame:
    """A visitor's way through the shop, as far as it has come."""
    place = F.array_position(F.lit(list(STEPS)), F.col("step")).cast("int")

    def newest(name: str) -> Column:
        return F.max_by(name, "sequence").alias(name)

    return (
        clicks.withColumn("place", place)
        .groupBy("session_id")
        .agg(
            *(newest(name) for name in ("visitor_id", "country", "is_bot")),
            *(F.max(name).alias(name) for name in ("customer_id", "device", "referrer")),
            F.min("clicked_at").alias("started_at"),
            F.max("clicked_at").alias("ended_at"),
            F.count("*").alias("clicks"),
            F.sum("dwell_ms").alias("dwell_ms"),
            F.max_by("step", "place").alias("furthest_step"),
            F.max(F.col("step") == "purchase").alias("purchased"),
        )
        .withColumn("duration_ms", F.unix_millis("ended_at") - F.unix_millis("started_at"))
    )


def sensor_health(readings: DataFrame) -> DataFrame:
    """What each device said in an hour. `missing` are the numbers that its sequence leaves out within it."""
    return (
        readings.groupBy(F.date_trunc("hour", "measured_at").alias("hour"), "device_id")
        .agg(
            *(F.max_by(name, "sequence").alias(name) for name in ("kind", "unit")),
            F.max("site").alias("site"),
            F.count("*").alias("readings"),
            (F.max("sequence") - F.min("sequence") + 1 - F.count("*")).alias("missing"),
            F.count(F.when(F.col("quality") == "suspect", 1)).alias("suspect"),
            F.min("value_milli").alias("least_milli"),
            F.max("value_milli").alias("greatest_milli"),
            F.expr("sum(value_milli) div count(*)").alias("mean_milli"),
            F.max("measured_at").alias("last_seen"),
        )
    )


AGGREGATES = (
    Aggregate("revenue_by_minute", "orders", MINUTE, ("minute", "country", "currency"), "minute", revenue_by_minute),
    Aggregate("revenue_by_product", "orders", HOUR, ("hour", "product_id", "currency"), "hour", revenue_by_product),
    Aggregate("sessions", "clicks", MINUTE, ("session_id",), "started_at", sessions),
    Aggregate("sensor_health", "sensors", HOUR, ("hour", "device_id"), "hour", sensor_health),
)


def write(batch: Batch, tables: Tables) -> None:
    """Makes anew what the batch's events belong to; told again of the same batch, it changes nothing."""
    if not batch.minutes:
        return
    mine = [each for each in AGGREGATES if each.dataset == batch.dataset.name]
    side_by_side(tables.spark, *(lambda each=each: again_on_conflict(lambda: _merge(each, batch, tables)) for each in mine))


def _merge(aggregate: Aggregate, batch: Batch, tables: Tables) -> None:
    silver = tables.spark.table(tables.silver(batch.dataset))
    between = spans(batch.minutes, aggregate.unit)
    if aggregate.table == "sessions":
        touched = batch.frame.where("reason IS NULL").select("event.session_id").distinct()
        around = [(between[0][0] - LONGEST_SESSION, between[-1][1] + LONGEST_SESSION)]
        new = aggregate.of(silver.where(within("clicked_at", around)).join(F.broadcast(touched), "session_id", "left_semi"))
        # A session that began before its first known click did has a row at another time.
        reach = (around[0][0], around[0][1])
    else:
        new = aggregate.of(silver.where(within(batch.dataset.time, between)))
        reach = (between[0][0], between[-1][1])
    _replace(aggregate, new, reach, tables)


def _replace(aggregate: Aggregate, new: DataFrame, reach: Span, tables: Tables) -> None:
    """Puts the rows in the place of those with the same key; rows that are as they were are left alone."""
    table = tables.gold(aggregate.table)
    there = aggregate.table
    values = [name for name in new.columns if name not in aggregate.key]
    same = " AND ".join(f"{there}.{name} <=> s.{name}" for name in aggregate.key)
    time = f"{there}.{aggregate.time}"
    pruned = f"{time} >= {_literal(reach[0])} AND {time} < {_literal(reach[1])}"
    changed = " OR ".join(f"NOT ({there}.{name} <=> s.{name})" for name in values)
    now = {"updated_at": F.current_timestamp()}
    # A merge reads its source twice: first for which files are to be written anew.
    new = new.persist()
    try:
        with tables.writing(table):
            (
                # Not in SQL over a view: Spark 4.1 has no plan for a view's tables where whole files are written anew.
                new.alias("s")
                .mergeInto(table, F.expr(f"{same} AND {pruned}"))
                .whenMatched(F.expr(changed))
                .update({name: F.col(f"s.{name}") for name in values} | now)
                .whenNotMatched()
                .insert({name: F.col(f"s.{name}") for name in new.columns} | now)
                .merge()
            )
    finally:
        new.unpersist()


def _literal(time: datetime) -> str:
    return f"TIMESTAMP '{time.isoformat()}'"


def rebuild(dataset: str, start: datetime, end: datetime, tables: Tables) -> None:
    """Makes whole days anew, and removes what is no longer true."""
    for aggregate in AGGREGATES:
        if aggregate.dataset != dataset:
            continue
        again_on_conflict(lambda each=aggregate: _overwrite(each, start, end, tables))


def _overwrite(aggregate: Aggregate, start: datetime, end: datetime, tables: Tables) -> None:
    dataset = DATASETS[aggregate.dataset]
    around = (start - LONGEST_SESSION, end + LONGEST_SESSION) if aggregate.table == "sessions" else (start, end)
    silver = tables.spark.table(tables.silver(dataset)).where(within(dataset.time, [around]))
    days = within(aggregate.time, [(start, end)])
    rows = aggregate.of(silver).where(days).withColumn("updated_at", F.current_timestamp())
    table = tables.gold(aggregate.table)
    with tables.writing(table):
        rows.writeTo(table).overwrite(days)
