"""The layers on batches from memory: no Kafka, no producer."""

import json
import threading
from datetime import datetime, timedelta, timezone

import pytest
from pyspark.sql import functions as F

from app import backfill, credentials, gold, maintenance, silver
from app.batch import SPANS, spans
from app.health import Health
from app.pipeline import Pipeline, Stopping
from app.schemas import ORDERS, PRODUCTS
from app.settings import Settings, SettingsError

START = datetime(2026, 3, 1, 10, tzinfo=timezone.utc)
RECORD = "topic string, partition int, offset bigint, timestamp timestamp, key binary, value binary, " \
    "headers array<struct<key: string, value: binary>>"


def order(number=1, **changes):
    at = (START + timedelta(seconds=number)).isoformat().replace("+00:00", "Z")
    event = {
        "event_id": f"019ca8d7-2d03-7000-8000-{number:012x}",
        "order_id": f"019ca8d7-2d03-7000-8000-{number:012x}",
        "version": 1,
        "status": "placed",
        "customer_id": 7,
        "ordered_at": at,
        "updated_at": at,
        "channel": "web",
        "country": "DE",
        "currency": "EUR",
        "payment_method": None,
        "discount_minor": 0,
        "shipping_minor": 490,
        "amount_minor": 1490,
        "items": [{"product_id": 5, "quantity": 2, "unit_price_minor": 500}],
    }
    event.update(changes)
    return {name: value for name, value in event.items() if value != "absent"}


class Source:
    """Batches as Kafka would give them."""

    def __init__(self, tables, *datasets):
        self.tables = tables
        self.pipeline = Pipeline("test", list(datasets), tables, Health(600), threading.Event())
        tables.make(list(datasets))

    def records(self, values, first=0, topic="orders"):
        rows = [
            (topic, 0, first + place, START, b"k", value if isinstance(value, bytes | None) else json.dumps(value).encode(), [])
            for place, value in enumerate(values)
        ]
        return self.tables.spark.createDataFrame(rows, RECORD)

    def send(self, values, first=0, topic="orders"):
        self.pipeline(self.records(values, first, topic), 0)

    def rows(self, table):
        return self.tables.spark.table(self.tables.settings.table(*table.split(".")))

    def counts(self):
        return [self.rows(name).count() for name in ("bronze.orders", "silver.orders", "silver.quarantine")]


@pytest.fixture
def source(tables):
    return Source(tables, ORDERS)


def test_unit_each_refusal_has_its_reason_and_field(source):
    wrong = {
        ("bad_json", None): b'{"event_id": "019',
        ("empty", None): None,
        ("missing_field", "status"): order(2, status="absent"),
        ("missing_field", "customer_id"): order(3, customer_id=None),
        ("wrong_type", "amount_minor"): order(4, amount_minor="much"),
        ("wrong_type", "updated_at"): order(5, updated_at="yesterday"),
        ("wrong_form", "event_id"): order(6, event_id="six"),
        ("wrong_form", "country"): order(7, country="Germany"),
        ("unknown_value", "status"): order(8, status="lost"),
        ("out_of_range", "amount_minor"): order(9, amount_minor=-1),
        ("out_of_range", "version"): order(10, version=0),
    }
    source.send([order(1), *wrong.values()])
    found = [(row.reason, row.field) for row in source.rows("silver.quarantine").orderBy("kafka_offset").collect()]
    assert found == list(wrong)
    assert source.counts() == [len(wrong) + 1, 1, len(wrong)]
    detail = source.rows("silver.quarantine").where("field = 'country'").first().detail
    assert detail == "Germany"


def test_unit_a_batch_that_comes_again_changes_nothing(source):
    values = [order(1), order(2), order(1), b"{"]
    source.send(values)
    source.send(values)
    # In another cut, as after a loss of the checkpoints.
    source.send([*values, order(3)])
    assert source.counts() == [5, 3, 1]
    assert source.rows("gold.revenue_by_minute").agg(F.sum("amount_minor")).first()[0] == 3 * 1490


@pytest.mark.parametrize("layer", ["quarantine", "silver", "gold"])
def test_unit_a_batch_that_was_cut_off_before_a_layer_is_ended_by_the_next_try(source, monkeypatch, layer):
    import app.pipeline as pipeline

    values = [order(1), order(2), b"{"]
    with monkeypatch.context() as patch:
        patch.setattr(getattr(pipeline, layer), "write", lambda *_: (_ for _ in ()).throw(RuntimeError("killed")))
        with pytest.raises(RuntimeError):
            source.send(values)
    source.send(values)
    assert source.counts() == [3, 2, 1]
    assert source.rows("gold.revenue_by_minute").agg(F.sum("orders")).first()[0] == 2


def test_unit_a_late_event_is_kept_and_finds_its_minute(source):
    source.send([order(3600), order(3601)])
    source.send([order(1)], first=2)
    late = source.rows("silver.orders").where("is_late").collect()
    assert [row.lateness_ms for row in late] == [3_600_000]
    minutes = [row.minute for row in source.rows("gold.revenue_by_minute").orderBy("minute").collect()]
    assert len(minutes) == 2


def test_unit_new_fields_become_columns_of_their_type_and_misfits_are_kept(source):
    source.send([order(1)])
    source.send([order(2, campaign="summer", weight=12, gift=True, nested={"a": 1})], first=1)
    source.send([order(3, campaign="winter", weight="heavy")], first=2)
    rows = {row.event_id[-1]: row for row in source.rows("silver.orders").collect()}
    assert (rows["2"].campaign, rows["2"].weight, rows["2"].gift) == ("summer", 12, True)
    assert rows["1"].campaign is None
    assert json.loads(rows["2"].extras["nested"]) == {"a": 1}
    assert rows["3"].weight is None and rows["3"].extras == {"weight": "heavy"}


def test_unit_yen_have_no_cents_and_money_is_exact(source):
    source.send([order(1, amount_minor=3333), order(2, country="JP", currency="JPY", amount_minor=3333)])
    rows = {row.currency: str(row.amount) for row in source.rows("gold.revenue_by_minute").collect()}
    assert rows == {"EUR": "33.33", "JPY": "3333.00"}


def test_unit_of_things_the_newest_is_kept(tables):
    source = Source(tables, PRODUCTS)
    product = {
        "event_id": "019ca8d7-2d03-7000-8000-000000000001",
        "product_id": 1,
        "name": "Kite",
        "category": "toys",
        "currency": "EUR",
        "price_minor": 100,
        "introduced_at": "2016-09-28T04:57:37.000Z",
    }
    source.send([product, product | {"price_minor": 200}], topic="products")
    source.send([product | {"price_minor": 300}], first=2, topic="products")
    source.send([product], topic="products")
    assert [row.price_minor for row in source.rows("silver.products").collect()] == [300]


def test_unit_a_backfill_restores_what_was_lost_and_frees_what_can_be_read(source):
    source.send([order(1), order(2), order(2), b"{"])
    tables = source.tables
    spark = tables.spark
    spark.sql(f"DELETE FROM {tables.silver(ORDERS)} WHERE event_id LIKE '%1'")
    spark.sql(f"UPDATE {tables.gold('revenue_by_minute')} SET amount_minor = 1")
    # Refused by a rule of before.
    spark.sql(
        f"INSERT INTO {tables.quarantine} SELECT 'orders', 'orders', 0, 0, kafka_time, 'old', NULL, NULL, NULL, NULL, kafka_time "
        f"FROM {tables.bronze(ORDERS)} LIMIT 1"
    )
    assert backfill.rebuild(ORDERS, backfill.day("2026-03-01"), backfill.day("2026-03-02"), tables)
    assert source.counts() == [4, 2, 1]
    assert source.rows("gold.revenue_by_minute").agg(F.sum("amount_minor")).first()[0] == 2 * 1490


def test_unit_maintenance_keeps_rows_and_marks(source):
    for number in range(6):
        source.send([order(number), b"{"], first=2 * number)
    tables = source.tables
    before = source.counts()
    for table in (tables.bronze(ORDERS), tables.silver(ORDERS), tables.quarantine, tables.gold("revenue_by_minute")):
        maintenance.maintain(table, tables)
    assert source.counts() == before
    assert tables.marks(tables.bronze(ORDERS)) == {"1/orders/0": 11}
    source.send([order(number) for number in range(6)], first=0)
    assert source.counts() == before


def test_unit_no_batch_begins_once_the_end_was_asked_for(source):
    source.pipeline.stopping.set()
    with pytest.raises(Stopping):
        source.send([order(1)])
    assert source.counts() == [0, 0, 0]


def test_unit_spans_join_neighbours_and_stay_few():
    minute = timedelta(minutes=1)
    assert spans([START, START + minute]) == [(START, START + 2 * minute)]
    hour = timedelta(hours=1)
    assert spans([START + minute], hour) == [(START, START + hour)]
    far = [START + 10 * place * minute for place in range(500)]
    found = spans(far)
    assert len(found) == SPANS
    assert all(any(start <= each < end for start, end in found) for each in far)


def test_unit_settings_name_what_they_do_not_know():
    assert Settings.of({"LAKEHOUSE_MAX_RECORDS": "5", "PATH": "x"}).max_records == 5
    with pytest.raises(SettingsError, match="LAKEHOUSE_MAX_RECORD"):
        Settings.of({"LAKEHOUSE_MAX_RECORD": "5"})
    with pytest.raises(SettingsError, match="many"):
        Settings.of({"LAKEHOUSE_MAX_RECORDS": "many"})


def test_unit_a_batch_that_takes_too_long_is_trouble():
    health = Health(batch_limit=-1)
    assert health.trouble() is None
    with health.busy("orders"):
        assert "orders" in health.trouble()
    assert health.trouble() is None


def test_unit_every_region_is_one_and_no_country_is_in_two():
    countries = [country for group in gold.REGIONS.values() for country in group]
    assert len(countries) == len(set(countries))
    assert silver.NAME.match("battery_percent") and not silver.NAME.match("Robert'); DROP TABLE")


def test_settings_of_kafkas_clients_are_read_as_its_own_tools_read_them(tmp_path):
    file = tmp_path / "client.properties"
    file.write_text(
        "# how to log in\n\nsecurity.protocol = SASL_SSL\n"
        'sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \\\n  username="lake" password="a=b";\n'
        "ssl.truststore.certificates=-----BEGIN CERTIFICATE-----\\nMIIB\\n-----END CERTIFICATE-----\n"
    )
    read = credentials.kafka(str(file))
    assert read["security.protocol"] == "SASL_SSL"
    assert read["sasl.jaas.config"].endswith('required   username="lake" password="a=b";')
    assert read["ssl.truststore.certificates"].splitlines()[1] == "MIIB"
    assert len(read) == 3 and credentials.kafka("") == {}


def test_a_line_that_is_no_setting_is_named_by_its_number_and_not_told(tmp_path):
    file = tmp_path / "client.properties"
    file.write_text("security.protocol=SSL\npassword hunter2\n")
    with pytest.raises(SettingsError, match="setting 2") as error:
        credentials.kafka(str(file))
    assert "hunter2" not in str(error.value)


def test_another_login_of_kafka_is_another_digest(tmp_path):
    file = tmp_path / "client.properties"
    file.write_text("a=1\n")
    settings = Settings(kafka_file=str(file))
    before = credentials.digest(settings)
    assert credentials.digest(settings) == before
    file.write_text("a=2\n")
    assert credentials.digest(settings) != before
