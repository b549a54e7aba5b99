"""Silver: events with their types, each id once.

An id is unique for good: it carries the time of its event, so the rows that could have it already are those of the same
minute, and only they are looked at. How late an event came does not matter to that; it is written down.
"""

import re

from pyspark.sql import DataFrame, Window
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
NOTHING = "cast(map() AS map<string, string>)"
ORIGIN = ("kafka_partition", "kafka_offset", "kafka_time", "ingested_at")


def gained(dataset: Dataset, tables: Tables) -> dict[str, str]:
    """The columns, with their types, that the table has gained since it was made."""
    given = {each.column for each in dataset.fields} | set(SILVER) | set(ORIGIN)
    given |= {"window_key", "topic", "window_start", "window_end"} if dataset.name == "windows" else set()
    schema = tables.spark.table(tables.silver(dataset)).schema
    return {each.name: each.dataType.simpleString() for each in schema if each.name not in given}


def judge(raw: DataFrame, dataset: Dataset, more: dict[str, str], newest: int | None, settings: Settings) -> DataFrame:
    """Adds `event`, and `reason`, `field` and `detail` where there is something wrong with it.

    All in text: it is planned anew for each batch, and hundreds of calls into the JVM would take longer than the rows do.
    """
    named = ", ".join(f"'{name}'" for name in [*(each.name for each in dataset.fields), *more])
    extras = [f"map_filter(json, (name, text) -> NOT name IN ({named}) AND text IS NOT NULL)"]
    # What a column that was gained cannot hold is not lost.
    extras += [
        f"if(json['{name}'] IS NOT NULL AND {_cast(name, kind)} IS NULL, map('{name}', json['{name}']), {NOTHING})"
        for name, kind in more.items()
    ]
    columns = {each.column: _read(each) for each in dataset.fields}
    columns |= {name: _cast(name, kind) for name, kind in more.items()}
    if dataset.name == "windows":
        columns |= {
            "window_key": "cast(key AS string)",
            "topic": "split(cast(key AS string), ' ')[0]",
            "window_start": "try_cast(split(json['window'], '/')[0] AS timestamp)",
            "window_end": "try_cast(split(json['window'], '/')[1] AS timestamp)",
        }
    columns["extras"] = f"map_concat({', '.join(f'coalesce({each}, {NOTHING})' for each in extras)})"
    judged = (
        raw.selectExpr("*", "from_json(cast(value AS string), 'map<string, string>') AS json")
        .selectExpr("*", *(f"{text} AS e_{name}" for name, text in columns.items()))
        .selectExpr("*", f"{_wrong(dataset)} AS wrong")
        .selectExpr("*", f"{_lateness(dataset, newest)} AS lateness_ms")
    )
    wrong = "wrong"
    if settings.refuse_after_seconds and dataset.time:
        wrong = f"coalesce(wrong, if(lateness_ms > {settings.refuse_after_seconds * 1000}, 'too_late {dataset.time}', NULL))"
    event = ", ".join(f"'{name}', e_{name}" for name in columns)
    return judged.selectExpr(
        *raw.columns,
        f"if({wrong} IS NULL, named_struct({event}), NULL) AS event",
        "lateness_ms",
        f"split({wrong}, ' ')[0] AS reason",
        f"nullif(split({wrong} || ' ', ' ')[1], '') AS field",
        f"CASE WHEN {wrong} LIKE 'bad_json%' THEN length(value) || ' bytes' "
        f"WHEN {wrong} LIKE 'too_late%' THEN lateness_ms || ' ms' "
        f"WHEN {wrong} IS NOT NULL THEN substring(json[split({wrong} || ' ', ' ')[1]], 1, 200) END AS detail",
    )


def _cast(name: str, kind: str) -> str:
    return f"try_cast(json['{name}'] AS {kind})"


def _read(field: Field) -> str:
    text = f"json['{field.name}']"
    if field.kind.startswith(("array", "map")):
        return f"from_json({text}, '{field.kind}')"
    if field.kind == "timestamp":
        return f"if({text} RLIKE r'{RFC3339}', try_cast({text} AS timestamp), NULL)"
    if field.kind == "boolean":
        return f"CASE {text} WHEN 'true' THEN true WHEN 'false' THEN false END"
    return text if field.kind == "string" else _cast(field.name, field.kind)


def _wrong(dataset: Dataset) -> str:
    """The first thing that is wrong with an event and the field that it is wrong with, or null."""
    cases = ["WHEN value IS NULL OR length(value) = 0 THEN 'empty'", "WHEN json IS NULL THEN 'bad_json'"]
    for each in dataset.fields:
        text, value = f"json['{each.name}']", f"e_{each.column}"
        checks = {
            "missing_field": f"{text} IS NULL" if each.needed else None,
            "wrong_type": f"{text} IS NOT NULL AND {value} IS NULL" if each.kind != "string" else None,
            "wrong_form": f"NOT {value} RLIKE '{each.pattern}'" if each.pattern else None,
            "unknown_value": f"NOT {value} IN {each.among}" if each.among else None,
            "out_of_range": " OR ".join(
                f"{value} {sign} {limit}" for sign, limit in (("<", each.low), (">", each.high)) if limit is not None
            ),
        }
        cases += [f"WHEN {check} THEN '{reason} {each.name}'" for reason, check in checks.items() if check]
    return f"CASE {' '.join(cases)} END"


def _lateness(dataset: Dataset, newest: int | None) -> str:
    """How far behind the newest event that was before it in its topic's partition, or in the table, an event is."""
    if not dataset.time:
        return "cast(NULL AS bigint)"
    time = f"unix_millis(if(wrong IS NULL, e_{dataset.time}, NULL))"
    before = "PARTITION BY kafka_partition ORDER BY kafka_offset ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
    table = "cast(NULL AS bigint)" if newest is None else f"{newest // 1000}L"
    return f"greatest(0L, coalesce(greatest(max({time}) OVER ({before}), {table}) - {time}, 0L))"


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
