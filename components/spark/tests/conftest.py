"""What the tests share: a Spark session with tables in a folder of their own, and a whole lakehouse of processes."""

import pytest
from lake import Lake, settings_in

from app.session import open_session
from app.tables import Tables


@pytest.fixture(scope="session")
def here(tmp_path_factory):
    """The settings of the session's own tables."""
    return settings_in(tmp_path_factory.mktemp("unit"), "", "unit")


@pytest.fixture(scope="session")
def spark(here):
    session = open_session(here, "tests")
    yield session
    session.stop()


@pytest.fixture
def tables(spark, here):
    """No table at all yet."""
    for layer in ("bronze", "silver", "gold"):
        for row in spark.sql(f"SHOW TABLES IN {here.catalog}.{layer}").collect():
            spark.sql(f"DROP TABLE {here.table(layer, row.tableName)} PURGE")
    return Tables(spark, here)


@pytest.fixture(scope="session")
def lake(tmp_path_factory, spark):
    """Kafka, and the stream's process, started and killed as a test likes."""
    with Lake(tmp_path_factory.mktemp("lake"), spark) as whole:
        yield whole
