"""What the lakehouse holds, asked of Trino, beside what the producers' manifests say that it must.

    lakehouse.py sql QUERY                  its rows, a line each, the values between tabs
    lakehouse.py counts MANIFESTS           every layer to the row, and revenue to the cent
    lakehouse.py ids MANIFESTS              the ids of each dataset's last window, by their sha256
    lakehouse.py columns PAGE               whether docs/layers.md has every table with its columns and their types
    lakehouse.py latency LOG [SINCE [SEED]] from an event's sending to each layer, by the stream's own log

MANIFESTS: the topic mooring.windows as the console consumer prints it, key, tab, value. TRINO is the server's address,
TRINO_USER who asks. Needs nothing but Python. Exit code 1: something differs.
"""

import hashlib
import json
import os
import re
import sys
import time
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from statistics import median, quantiles

# When an event happened, by dataset.
TIMES = {"orders": "updated_at", "clicks": "clicked_at", "sensors": "measured_at"}
# ISO 4217: currencies without a minor unit.
WHOLE = ("ISK", "JPY", "KRW")


def sql(query: str) -> list[list]:
    """The rows of a query; an error of Trino's is ours."""
    headers = {"X-Trino-User": os.environ.get("TRINO_USER", "admin"), "X-Trino-Source": "tests"}
    request = urllib.request.Request(f"{os.environ['TRINO']}/v1/statement", query.encode(), headers)
    rows = []
    while True:
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                page = json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code not in (429, 502, 503, 504):
                raise
            time.sleep(0.2)
            continue
        if "error" in page:
            raise RuntimeError(f"{page['error']['message']}\n{query}")
        rows += page.get("data", [])
        if "nextUri" not in page:
            return rows
        request = urllib.request.Request(page["nextUri"], headers=headers)


def manifests(path: str) -> list[dict]:
    """The last manifest of each window; those of a window's slices are in that of the whole."""
    last = {}
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition("\t")
        if value.startswith("{"):
            last[key] = json.loads(value)
    return [each for each in last.values() if each["slice"] == "1/1"]


def total(chosen: list[dict], *path: str) -> int:
    """The sum of a count of some manifests; one that a manifest does not have is 0 there."""

    def count(manifest: dict) -> int:
        for name in path:
            manifest = manifest.get(name, 0 if name == path[-1] else {})
        return manifest

    return sum(map(count, chosen))


def expected(all_of: list[dict]) -> dict[str, str]:
    """What the lakehouse must hold, by a name for each thing."""
    wanted = {"silver.windows": len(all_of), "silver.windows: unique ids": total(all_of, "uniqueIds")}
    for dataset in TIMES:
        chosen = [each for each in all_of if each["dataset"] == dataset]
        wanted |= {
            f"bronze.{dataset}": total(chosen, "records"),
            f"bronze.{dataset}: offsets": total(chosen, "records"),
            f"silver.{dataset}": total(chosen, "uniqueIds"),
            f"silver.{dataset}: ids": total(chosen, "uniqueIds"),
            f"silver.quarantine: {dataset}": total(chosen, "dirt", "malformed"),
        }
    amounts = {}
    for each in all_of:
        if each["dataset"] == "orders":
            for currency, minor in each["amounts"].items():
                amounts[currency] = amounts.get(currency, 0) + minor
    for currency, minor in amounts.items():
        wanted[f"gold.revenue_by_minute: {currency}"] = minor
        exact = Decimal(minor) if currency in WHOLE else Decimal(minor) / 100
        wanted[f"gold.revenue_by_minute: {currency}, in its unit"] = f"{exact:.2f}"
    wanted["gold.sessions: clicks"] = wanted["silver.clicks"]
    wanted["gold.sensor_health: readings"] = wanted["silver.sensors"]
    wanted["gold.revenue_by_product beside silver.orders"] = 0
    return {name: str(value) for name, value in wanted.items()}


def found() -> dict[str, str]:
    """The same, asked of the tables, in one query: all of one moment, or nearly."""
    parts = [
        "SELECT 'silver.windows', CAST(count(*) AS varchar) FROM iceberg.silver.windows",
        "SELECT 'silver.windows: unique ids', CAST(sum(unique_ids) AS varchar) FROM iceberg.silver.windows",
    ]
    for dataset in TIMES:
        parts += [
            f"SELECT 'bronze.{dataset}', CAST(count(*) AS varchar) FROM iceberg.bronze.{dataset}",
            f"SELECT 'bronze.{dataset}: offsets', CAST(count(*) AS varchar) "
            f"FROM (SELECT DISTINCT kafka_partition, kafka_offset FROM iceberg.bronze.{dataset})",
            f"SELECT 'silver.{dataset}', CAST(count(*) AS varchar) FROM iceberg.silver.{dataset}",
            f"SELECT 'silver.{dataset}: ids', CAST(count(DISTINCT event_id) AS varchar) FROM iceberg.silver.{dataset}",
            f"SELECT 'silver.quarantine: {dataset}', CAST(count(*) AS varchar) FROM iceberg.silver.quarantine WHERE dataset = '{dataset}'",
        ]
    revenue = "FROM iceberg.gold.revenue_by_minute GROUP BY currency"
    items = "CROSS JOIN UNNEST(items) AS i(product_id, quantity, unit_price_minor) WHERE version = 1"
    parts += [
        f"SELECT 'gold.revenue_by_minute: ' || currency, CAST(sum(amount_minor) AS varchar) {revenue}",
        f"SELECT 'gold.revenue_by_minute: ' || currency || ', in its unit', CAST(sum(amount) AS varchar) {revenue}",
        "SELECT 'gold.sessions: clicks', CAST(sum(clicks) AS varchar) FROM iceberg.gold.sessions",
        "SELECT 'gold.sensor_health: readings', CAST(sum(readings) AS varchar) FROM iceberg.gold.sensor_health",
        "SELECT 'gold.revenue_by_product beside silver.orders', CAST((SELECT sum(amount_minor) FROM iceberg.gold.revenue_by_product) "
        f"- (SELECT sum(i.quantity * i.unit_price_minor) FROM iceberg.silver.orders {items}) AS varchar)",
    ]
    return {name: value for name, value in sql("\nUNION ALL ".join(parts))}


def compare(wanted: dict[str, str], there: dict[str, str]) -> int:
    """Prints both, and marks what differs."""
    differ = 0
    for name, value in wanted.items():
        other = there.get(name)
        same = value == other
        differ += not same
        print(f"{'  ' if same else '! '}{name:<48} {value:>16}{'' if same else f'   found {other}'}")
    return 1 if differ or not wanted else 0


def counts(path: str) -> int:
    return compare(expected(manifests(path)), found())


def ids(path: str) -> int:
    """Whether silver has the very ids of each dataset's last window."""
    wanted, there = {}, {}
    for dataset, column in TIMES.items():
        last = max((each for each in manifests(path) if each["dataset"] == dataset), key=lambda each: each["window"])
        start, end = (f"from_iso8601_timestamp('{moment}')" for moment in last["window"].split("/"))
        rows = sql(f"SELECT event_id FROM iceberg.silver.{dataset} WHERE {column} >= {start} AND {column} < {end} ORDER BY 1")
        wanted[f"{dataset} {last['window']}"] = last["idsSha256"]
        there[f"{dataset} {last['window']}"] = hashlib.sha256("".join(f"{row[0]}\n" for row in rows).encode()).hexdigest()
    return compare(wanted, there)


def documented(page: str) -> dict[str, dict[str, str]]:
    """Columns and their types by what the page's third headings name."""
    found, of = {}, None
    for line in Path(page).read_text().splitlines():
        if line.startswith("#"):
            of = found.setdefault(line[4:], {}) if line.startswith("### ") else None
        elif of is not None and line.startswith("| `"):
            names, kind = line.split(" | ")[:2]
            of |= {name: kind for name in re.findall("`([^`]+)`", names)}
    return found


def columns(page: str) -> int:
    said = documented(page)
    beside = said["Beside the fields of events"]
    wanted, there = {}, {}
    for schema, table, column, kind in sql(
        "SELECT table_schema, table_name, column_name, data_type FROM iceberg.information_schema.columns "
        "WHERE table_schema IN ('bronze', 'silver', 'gold')"
    ):
        there[f"{schema}.{table}.{column}"] = kind
    for name in {key.rpartition(".")[0] for key in there}:
        schema, table = name.split(".")
        of = dict(said["bronze.*"] if schema == "bronze" else said.get(name, {}))
        if schema == "silver" and table != "quarantine":
            late = ("lateness_ms", "is_late")
            of |= {column: kind for column, kind in beside.items() if table in TIMES or column not in late}
        wanted |= {f"{name}.{column}": kind for column, kind in of.items()}
    known = set(said) - {"bronze.*", "Beside the fields of events"} <= {key.rpartition(".")[0] for key in there}
    return compare(dict(sorted((wanted | dict.fromkeys(there.keys() - wanted.keys(), "-")).items())), there) or int(not known)


BATCH = re.compile(r"^(\S+ \S+),(\d+) INFO batch \d+ of (\w+): .* bronze after ([\d.]+) s, silver after ([\d.]+) s, gold after ([\d.]+) s")


def latency(log: str, since: str = "", seed: str = "") -> int:
    """Events by their time in Kafka; when a batch began is in the rows, how long each layer took in the log."""
    ends = []
    for line in Path(log).read_text().splitlines():
        match = BATCH.match(line)
        if match and match[3] == "orders":
            end = datetime.strptime(match[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc)
            ends.append((end + timedelta(milliseconds=int(match[2])), [float(each) for each in match.groups()[3:]]))
    where = f"WHERE kafka_time >= from_iso8601_timestamp('{since}')" if since else ""
    if seed:
        where += f" AND any_match(headers, h -> h.key = 'seed' AND from_utf8(h.value) = '{seed}')"
    rows = sql(
        "SELECT to_unixtime(kafka_time), to_unixtime(ingested_at) FROM iceberg.bronze.orders "
        f"{where} ORDER BY random() LIMIT 20000"
    )
    layers = {"bronze": [], "silver": [], "gold": []}
    for sent, began in rows:
        # The stamp is of the first look at the batch, a little after it began.
        batch = min(ends, key=lambda each: abs(each[0].timestamp() - max(each[1]) - began), default=None)
        start = batch[0].timestamp() - max(batch[1]) if batch else 0
        if abs(start - began) < 3:
            for values, after in zip(layers.values(), batch[1]):
                values.append(start + after - sent)
    for name, values in layers.items():
        if len(values) > 1:
            print(f"event to {name}: median {median(values):.1f} s, p95 {quantiles(values, n=20)[18]:.1f} s ({len(values)} events)")
    return 0 if layers["gold"] else 1


if __name__ == "__main__":
    command, *arguments = sys.argv[1:] or [""]
    if command == "sql":
        for row in sql(arguments[0]):
            print(*row, sep="\t")
        sys.exit(0)
    known = {"counts": counts, "ids": ids, "columns": columns, "latency": latency}
    sys.exit(known[command](*arguments) if command in known else __doc__)
