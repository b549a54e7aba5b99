"""The stream as it runs in its pod, with a real Kafka: what the producer's manifests say is what the tables hold."""

import shutil
import time

DIRT = ("--late", "3%", "--out-of-order", "5%", "--duplicates", "2%", "--malformed", "1%", "--nulls", "5%")
TEN = "2026-03-01T10:00:00Z/2026-03-01T10:10:00Z"
TWENTY = "2026-03-01T10:10:00Z/2026-03-01T10:20:00Z"


def counts(lake, dataset):
    return (
        lake.one(f"SELECT count(*) FROM {{bronze.{dataset}}}"),
        lake.one(f"SELECT count(*) FROM {{silver.{dataset}}}"),
        lake.one(f"SELECT count(*) FROM {{silver.quarantine}} WHERE dataset = '{dataset}'"),
    )


def agree(lake, dataset, *manifests):
    """Whether all layers hold what the manifests say, each thing once."""
    records = sum(each["records"] for each in manifests)
    ids = sum(each["uniqueIds"] for each in manifests)
    bad = sum(each["dirt"].get("malformed", 0) for each in manifests)
    lake.until(f"SELECT count(*) FROM {{bronze.{dataset}}}", records)
    lake.until(f"SELECT count(*) FROM {{silver.{dataset}}}", ids)
    lake.until(f"SELECT count(*) FROM {{silver.quarantine}} WHERE dataset = '{dataset}'", bad)
    assert lake.one(f"SELECT count(DISTINCT event_id) FROM {{silver.{dataset}}}") == ids
    assert lake.one(f"SELECT count(DISTINCT kafka_partition, kafka_offset) FROM {{bronze.{dataset}}}") == records


def revenue(lake, *manifests):
    wanted = {}
    for manifest in manifests:
        for currency, minor in manifest["amounts"].items():
            wanted[currency] = wanted.get(currency, 0) + minor
    total = sum(wanted.values())
    lake.until("SELECT sum(amount_minor) FROM {gold.revenue_by_minute}", total)
    rows = lake.sql("SELECT currency, sum(amount_minor) FROM {gold.revenue_by_minute} GROUP BY currency")
    assert dict(map(tuple, rows)) == wanted


MANIFESTS: dict[str, list[dict]] = {"orders": [], "clicks": [], "sensors": []}


def test_counts_and_revenue_are_those_of_the_manifests(lake):
    lake.start()
    for dataset, manifests in MANIFESTS.items():
        manifests.append(lake.produce(dataset, TEN, "--rate", "10", *DIRT))
    for dataset, manifests in MANIFESTS.items():
        agree(lake, dataset, *manifests)
    revenue(lake, *MANIFESTS["orders"])
    lake.until("SELECT count(*) FROM {silver.windows}", 3)
    assert lake.one("SELECT sum(unique_ids) FROM {silver.windows}") == sum(
        each["uniqueIds"] for all_of in MANIFESTS.values() for each in all_of
    )
    lake.until("SELECT sum(clicks) FROM {gold.sessions}", MANIFESTS["clicks"][0]["uniqueIds"])
    lake.until("SELECT sum(readings) FROM {gold.sensor_health}", MANIFESTS["sensors"][0]["uniqueIds"])
    assert lake.ask("/healthz")[0] == 200
    assert 'lakehouse_rows_total{dataset="orders",layer="silver"}' in lake.ask("/metrics")[1]


def test_kills_in_the_middle_lose_nothing_and_double_nothing(lake):
    for dataset, manifests in MANIFESTS.items():
        manifests.append(lake.produce(dataset, TWENTY, "--rate", "25", *DIRT))
    # At different points of a batch.
    for seconds in (0, 3, 6, 12, 20):
        lake.until_ready()
        time.sleep(seconds)
        lake.kill()
        lake.start()
    for dataset, manifests in MANIFESTS.items():
        agree(lake, dataset, *manifests)
    revenue(lake, *MANIFESTS["orders"])


def test_a_stop_is_clean_and_nothing_comes_twice_when_checkpoints_are_lost(lake):
    lake.until("SELECT count(*) FROM {silver.windows}", 6)
    assert lake.terminate() == 0
    shutil.rmtree(lake.settings.checkpoints)
    lake.start()
    MANIFESTS["orders"].append(lake.produce("orders", "2026-03-01T10:20:00Z/2026-03-01T10:21:00Z", "--rate", "20", *DIRT))
    for dataset, manifests in MANIFESTS.items():
        agree(lake, dataset, *manifests)
    revenue(lake, *MANIFESTS["orders"])


def test_a_new_field_becomes_a_column_while_the_stream_runs(lake):
    pid = lake.stream.pid
    change = ("--schema-change", "2026-03-01T10:30:00Z", "--rate", "20")
    window = "2026-03-01T10:30:00Z/2026-03-01T10:31:00Z"
    for dataset in MANIFESTS:
        MANIFESTS[dataset].append(lake.produce(dataset, window, *change))
    for dataset, column, kind in (("orders", "campaign", str), ("clicks", "consent", str), ("sensors", "battery_percent", int)):
        agree(lake, dataset, *MANIFESTS[dataset])
        with_it = MANIFESTS[dataset][-1]["dirt"]["schemaChange"]
        assert with_it > 0
        lake.until(f"SELECT count({column}) FROM {{silver.{dataset}}}", with_it)
        assert isinstance(lake.one(f"SELECT max({column}) FROM {{silver.{dataset}}}"), kind)
    assert lake.stream.pid == pid and lake.stream.poll() is None


def test_a_backfill_and_maintenance_leave_the_counts_as_they_are(lake):
    before = {dataset: counts(lake, dataset) for dataset in MANIFESTS}
    done = lake.run("backfill", "--from", "2026-03-01", "--to", "2026-03-02")
    assert done.returncode == 0, done.stderr[-4000:]
    done = lake.run("maintenance")
    assert done.returncode == 0, done.stderr[-4000:]
    assert {dataset: counts(lake, dataset) for dataset in MANIFESTS} == before
    revenue(lake, *MANIFESTS["orders"])
    # The marks have not gone with the snapshots.
    assert lake.terminate() == 0
    lake.start()
    MANIFESTS["orders"].append(lake.produce("orders", "2026-03-01T10:40:00Z/2026-03-01T10:41:00Z", "--rate", "20", *DIRT))
    agree(lake, "orders", *MANIFESTS["orders"])
    revenue(lake, *MANIFESTS["orders"])
    assert lake.terminate() == 0
