"""Silver: events with their types, each id once.

An id is unique for good: it carries the time of its event, so the rows that could have it already are those of the same
minute, and only they are looked at. How late an event came does not matter to that; it is written down.
"""

import re

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from app.batch import Batch, spans, within
from app.schemas import Dataset, Field
from app.settings import Settings
from app.tables import NEWEST, SILVER, Tables, again_on_conflict

RFC3339 = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$"
NAME = re.compile("^[a-z][a-z0-9_]{0,62}$")
# Columns that a table may gain by itself.
GAINED = 32
# Types of JSON, and those of the columns that hold them. Money is not read as a float, nor is anything else.
TYPES = {"BIGINT": "bigint", "BOOLEAN": "boolean", "STRING": "string", "DECIMAL": "decimal(38, 9)"}
ORIGIN = ("kafka_partition", "kafka_offset", "kafka_time", "ingested_at")


def gained(dataset: Dataset, tables: Tables) -> dict[str, str]:
    """The columns, with their types, that the table has gained since it was made."""
    given = {each.column for each in dataset.fields} | set(SILVER) | set(ORIGIN)
    given |= {"window_key", "topic", "window_start", "window_end"} if dataset.name == "windows" else set()
    schema = tables.spark.table(tables.silver(dataset)).schema
    return {each.name: each.dataType.simpleString() for each in schema if each.name not in given}


def judge(raw: DataFrame, dataset: Dataset, more: dict[str, str], newest: int | None, settings: Settings) -> DataFrame:
    """Adds `event`, and `reason`, `field` and `detail` where there is something wrong with it."""
    parsed = raw.withColumn("json", F.from_json(F.col("value").cast("string"), "map<string, string>"))
    named = [each.name for each in dataset.fields]
    columns = [_read(each).alias(each.column) for each in dataset.fields]
    grown = {name: F.expr(f"try_cast(json['{name}'] AS {kind})") for name, kind in more.items()}
    # What a column gained holds is there; what it cannot hold is not lost.
    kept = F.map_filter("json", lambda name, text: ~name.isin(named + list(more)) & text.isNotNull())
    misfits = [
        F.when(F.col("json")[name].isNotNull() & value.isNull(), F.create_map(F.lit(name), F.col("json")[name]))
        for name, value in grown.items()
    ]
    nothing = F.expr("cast(map() as map<string, string>)")
    extras = F.map_concat(F.coalesce(kept, nothing), *(F.coalesce(each, nothing) for each in misfits))
    own = [value.alias(name) for name, value in grown.items()]
    if dataset.name == "windows":
        own += [
            F.col("key").cast("string").alias("window_key"),
            F.split(F.col("key").cast("string"), " ")[0].alias("topic"),
            *(
                F.expr(f"try_cast(split(json['window'], '/')[{place}] AS timestamp)").alias(name)
                for place, name in enumerate(("window_start", "window_end"))
            ),
        ]
    shaped = parsed.withColumn("event", F.struct(*columns, *own, extras.alias("extras")))
    wrong = _wrong(dataset)
    judged = shaped.withColumn("wrong", wrong)
    if dataset.time:
        judged = _with_lateness(judged, dataset, newest, settings)
    else:
        judged = judged.withColumn("lateness_ms", F.lit(None).cast("bigint"))
    return judged.select(
        *raw.columns,
        F.when(F.col("wrong").isNull(), F.col("event")).alias("event"),
        "lateness_ms",
        *(F.col(f"wrong.{part}").alias(part) for part in ("reason", "field", "detail")),
    )


def _read(field: Field) -> Column:
    text = f"json['{field.name}']"
    if field.kind.startswith(("array", "map")):
        return F.expr(f"from_json({text}, '{field.kind}')")
    if field.kind == "timestamp":
        return F.expr(f"if({text} rlike r'{RFC3339}', try_cast({text} AS timestamp), NULL)")
    if field.kind == "boolean":
        return F.expr(f"CASE {text} WHEN 'true' THEN true WHEN 'false' THEN false END")
    if field.kind == "string":
        return F.expr(text)
    return F.expr(f"try_cast({text} AS {field.kind})")


def _reason(reason: str, field: str | None, detail: Column) -> Column:
    return F.struct(F.lit(reason).alias("reason"), F.lit(field).cast("string").alias("field"), detail.cast("string").alias("detail"))


def _wrong(dataset: Dataset) -> Column:
    """The first thing that is wrong with an event, or null."""
    none = F.lit(None)
    size = F.concat(F.length("value").cast("string"), F.lit(" bytes"))
    verdicts = [
        F.when(F.col("value").isNull() | (F.length("value") == 0), _reason("empty", None, none)),
        F.when(F.col("json").isNull(), _reason("bad_json", None, size)),
    ]
    for each in dataset.fields:
        text, value = F.substring(F.col("json")[each.name], 1, 200), F.col(f"event.{each.column}")
        if each.needed:
            verdicts.append(F.when(text.isNull(), _reason("missing_field", each.name, none)))
        if each.kind != "string":
            verdicts.append(F.when(text.isNotNull() & value.isNull(), _reason("wrong_type", each.name, text)))
        if each.pattern:
            verdicts.append(F.when(~value.rlike(each.pattern), _reason("wrong_form", each.name, text)))
        if each.among:
            verdicts.append(F.when(~value.isin(*each.among), _reason("unknown_value", each.name, text)))
        if each.low is not None:
            verdicts.append(F.when(value < each.low, _reason("out_of_range", each.name, text)))
        if each.high is not None:
            verdicts.append(F.when(value > each.high, _reason("out_of_range", each.name, text)))
    return F.coalesce(*verdicts)


def _with_lateness(judged: DataFrame, dataset: Dataset, newest: int | None, settings: Settings) -> DataFrame:
    """How far behind the newest event that was before it in its topic's partition, or in the table, an event is."""
    time = F.unix_micros(F.when(F.col("wrong").isNull(), F.col(f"event.{dataset.time}")))
    before = Window.partitionBy("kafka_partition").orderBy("kafka_offset").rowsBetween(Window.unboundedPreceding, -1)
    mark = F.greatest(F.max(time).over(before), F.lit(newest).cast("bigint"))
    judged = judged.withColumn("lateness_ms", F.greatest(F.lit(0), F.coalesce(mark - time, F.lit(0)) / 1000).cast("bigint"))
    if settings.refuse_after_seconds:
        late = F.col("lateness_ms") > settings.refuse_after_seconds * 1000
        seconds = (F.col("lateness_ms") / 1000).cast("bigint").cast("string")
        verdict = F.when(late, _reason("too_late", dataset.time, F.concat(seconds, F.lit(" s late"))))
        judged = judged.withColumn("wrong", F.coalesce("wrong", verdict))
    return judged


def grow(batch: Batch, tables: Tables) -> bool:
    """Adds a column for each new name of the batch whose type can be told; says whether there was one."""
    have = gained(batch.dataset, tables)
    taken = {each.column for each in batch.dataset.fields} | set(have) | set(SILVER) | set(ORIGIN)
    names = sorted(name for name in batch.unknown if NAME.match(name) and name not in taken)[: GAINED - len(have)]
    if not names:
        return False
    document = F.try_parse_json(F.col("value").cast("string"))
    kinds = batch.frame.where("reason IS NULL").agg(
        *(F.schema_of_variant_agg(F.try_variant_get(document, f"$.{name}", "variant")).alias(name) for name in names)
    ).first()
    new = {name: TYPES.get(re.sub(r"\(.*", "", kinds[name] or "")) for name in names}
    new = {name: kind for name, kind in new.items() if kind}
    if new:
        clause = ", ".join(f"{name} {kind}" for name, kind in new.items())
        tables.spark.sql(f"ALTER TABLE {tables.silver(batch.dataset)} ADD COLUMNS ({clause})")
    return bool(new)


def rows(frame: DataFrame, dataset: Dataset, settings: Settings) -> DataFrame:
    """The events of a judged frame with silver's columns, each once: the first of an id, or the last of a key."""
    good = frame.where("reason IS NULL")
    order = [F.col("kafka_partition"), F.col("kafka_offset")]
    if dataset.time:
        which = Window.partitionBy("event.event_id").orderBy(*order)
    else:
        which = Window.partitionBy(f"event.{dataset.key}").orderBy(F.desc("kafka_time"), *(each.desc() for each in order))
    good = good.withColumn("nth", F.row_number().over(which)).where("nth = 1")
    late = [
        F.col("lateness_ms"),
        (F.col("lateness_ms") > settings.late_after_seconds * 1000).alias("is_late"),
    ]
    return good.select("event.*", *(late if dataset.time else []), *ORIGIN)


def write(batch: Batch, tables: Tables) -> int:
    """Adds the batch's new events; returns how many there were."""
    if not batch.valid:
        return 0
    table = tables.silver(batch.dataset)
    new = rows(batch.frame, batch.dataset, tables.settings)
    with tables.writing(table):
        if not batch.dataset.time:
            return _replace(new, batch.dataset, table, tables)
        there = tables.spark.table(table).where(within(batch.dataset.time, spans(batch.minutes))).select("event_id")
        before = tables.newest(table)
        newest = max(batch.newest, before) if before is not None else batch.newest
        return tables.append(new.join(there, "event_id", "left_anti"), table, {NEWEST: str(newest)}).rows


def _replace(new: DataFrame, dataset: Dataset, table: str, tables: Tables) -> int:
    view = f"new_{dataset.name}"
    new.createOrReplaceTempView(view)
    columns = [each for each in new.columns if each != dataset.key]
    order = "kafka_time, {0}.kafka_partition, {0}.kafka_offset"
    newer = f"struct(s.{order.format('s')}) > struct(t.{order.format('t')})"
    sets = ", ".join(f"t.{name} = s.{name}" for name in columns)
    names = ", ".join(new.columns)
    values = ", ".join(f"s.{name}" for name in new.columns)
    again_on_conflict(
        lambda: new.sparkSession.sql(
            f"MERGE INTO {table} t USING {view} s ON t.{dataset.key} = s.{dataset.key} "
            f"WHEN MATCHED AND {newer} THEN UPDATE SET {sets} WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({values})"
        )
    )
    return 0
