"""The datasets, field by field: what silver's columns are, and what is wrong with an event that has none of it.

The fields are those of `mooring-producer --schema json`; docs/datasets.md says what they mean.
"""

import re
from dataclasses import dataclass

UUID = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
COUNTRY = "^[A-Z]{2}$"
CURRENCY = "^[A-Z]{3}$"
MONEY_LIMIT = 10**15


@dataclass(frozen=True)
class Field:
    """A field of an event. `kind` is a SQL type; `low` and `high` are what is possible at all."""

    name: str
    kind: str = "string"
    needed: bool = True
    low: int | None = None
    high: int | None = None
    among: tuple[str, ...] = ()
    pattern: str | None = None

    @property
    def column(self) -> str:
        """Its name in tables: `uniqueIds` becomes `unique_ids`."""
        return re.sub("([A-Z])", r"_\1", self.name).lower()


@dataclass(frozen=True)
class Dataset:
    """A topic's events. `time` is when an event happened; without one, silver holds the newest of each `key`."""

    name: str
    fields: tuple[Field, ...]
    time: str | None = None
    key: str = "event_id"


def _id(name: str, needed: bool = True) -> Field:
    return Field(name, "bigint", needed, low=0)


def _money(name: str, low: int = 0) -> Field:
    return Field(name, "bigint", low=low, high=MONEY_LIMIT)


def _uuid(name: str) -> Field:
    return Field(name, pattern=UUID)


def _time(name: str) -> Field:
    return Field(name, "timestamp")


def _word(name: str, needed: bool = True) -> Field:
    return Field(name, needed=needed)


ITEMS = "array<struct<product_id: bigint, quantity: int, unit_price_minor: bigint>>"
STATUSES = ("placed", "paid", "shipped", "delivered", "returned", "cancelled", "refunded", "declined", "closed")

ORDERS = Dataset(
    "orders",
    (
        _uuid("event_id"),
        _uuid("order_id"),
        Field("version", "int", low=1, high=1000),
        Field("status", among=STATUSES),
        _id("customer_id"),
        _time("ordered_at"),
        _time("updated_at"),
        _word("channel", needed=False),
        Field("country", pattern=COUNTRY),
        Field("currency", pattern=CURRENCY),
        _word("payment_method", needed=False),
        _money("discount_minor"),
        _money("shipping_minor"),
        _money("amount_minor"),
        Field("items", ITEMS),
    ),
    time="updated_at",
)

CLICKS = Dataset(
    "clicks",
    (
        _uuid("event_id"),
        _uuid("session_id"),
        Field("sequence", "int", low=1, high=1_000_000),
        _time("clicked_at"),
        _id("visitor_id"),
        _id("customer_id", needed=False),
        _word("step"),
        _id("product_id", needed=False),
        Field("country", pattern=COUNTRY),
        _word("device", needed=False),
        _word("referrer", needed=False),
        Field("is_bot", "boolean"),
        Field("dwell_ms", "bigint", low=0, high=10**9),
    ),
    time="clicked_at",
)

SENSORS = Dataset(
    "sensors",
    (
        _uuid("event_id"),
        _id("device_id"),
        _id("sequence"),
        _time("measured_at"),
        _word("kind"),
        Field("value_milli", "bigint", low=-(10**12), high=10**12),
        _word("unit"),
        _word("quality", needed=False),
        _word("site", needed=False),
    ),
    time="measured_at",
)

CUSTOMERS = Dataset(
    "customers",
    (
        _uuid("event_id"),
        _id("customer_id"),
        _word("name", needed=False),
        _word("email", needed=False),
        Field("country", pattern=COUNTRY),
        _word("city", needed=False),
        Field("currency", pattern=CURRENCY),
        _word("tier"),
        _time("registered_at"),
    ),
    key="customer_id",
)

PRODUCTS = Dataset(
    "products",
    (
        _uuid("event_id"),
        _id("product_id"),
        _word("name", needed=False),
        _word("category"),
        Field("currency", pattern=CURRENCY),
        _money("price_minor"),
        _time("introduced_at"),
    ),
    key="product_id",
)

DEVICES = Dataset(
    "devices",
    (
        _uuid("event_id"),
        _id("device_id"),
        _word("kind"),
        _word("unit"),
        _word("site", needed=False),
        _time("installed_at"),
    ),
    key="device_id",
)

COUNTS = "map<string, bigint>"

# The manifests of the producer's windows: what must be in the other tables.
WINDOWS = Dataset(
    "windows",
    (
        _word("dataset"),
        _id("seed"),
        _id("rate"),
        _word("rhythm", needed=False),
        _word("format"),
        Field("window", pattern="^[^/]+/[^/]+$"),
        _word("slice"),
        _id("records"),
        _id("events"),
        _id("uniqueIds"),
        Field("dirt", COUNTS, needed=False),
        Field("amounts", COUNTS, needed=False),
        Field("firstOffsets", COUNTS, needed=False),
        Field("lastOffsets", COUNTS, needed=False),
        _word("idsSha256"),
    ),
    key="window_key",
)

DATASETS = {entry.name: entry for entry in (ORDERS, CLICKS, SENSORS, CUSTOMERS, PRODUCTS, DEVICES, WINDOWS)}
