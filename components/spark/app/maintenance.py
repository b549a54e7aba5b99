"""What keeps tables quick and small, in the order in which each step finds the least to do after the one before."""

import logging
import time
from datetime import datetime, timedelta, timezone

from app.session import open_session
from app.settings import Settings
from app.tables import Tables, again_on_conflict

log = logging.getLogger("lakehouse")

LAYERS = ("bronze", "silver", "gold")


def run(settings: Settings) -> int:
    """Goes over every table of the lakehouse; returns 1 if one could not be done. The others are."""
    spark = open_session(settings, "lakehouse-maintenance")
    tables = Tables(spark, settings)
    failed = []
    for layer in LAYERS:
        for row in spark.sql(f"SHOW TABLES IN {settings.catalog}.{layer}").collect():
            table = settings.table(layer, row.tableName)
            began = time.monotonic()
            try:
                done = maintain(table, tables)
            except Exception as error:
                log.error("%s: %s", table, str(error)[:2000])
                failed.append(table)
            else:
                log.info("%s: %s; %.1f s", table, done, time.monotonic() - began)
    spark.stop()
    if failed:
        log.error("not done: %s", ", ".join(failed))
    return 1 if failed else 0


def maintain(table: str, tables: Tables) -> str:
    """Does all four steps on a table, and says what came of them."""
    settings, spark = tables.settings, tables.spark
    now = datetime.now(timezone.utc)

    def call(procedure: str, *arguments: str):
        given = ", ".join((f"table => '{table}'", *arguments))
        return spark.sql(f"CALL {settings.catalog}.system.{procedure}({given})")

    said = []

    def rewrite() -> None:
        options = {
            "target-file-size-bytes": str(settings.target_file_bytes),
            "min-input-files": "5",
            # Files with deleted rows are read twice as long as they are there.
            "delete-file-threshold": "3",
            "max-concurrent-file-group-rewrites": "1",
            "remove-dangling-deletes": "true",
        }
        pairs = ", ".join(f"'{key}', '{text}'" for key, text in options.items())
        row = call("rewrite_data_files", f"options => map({pairs})").first()
        said.append(f"{row.rewritten_data_files_count} files became {row.added_data_files_count}")

    again_on_conflict(rewrite)

    def expire() -> None:
        # The marks must stay, however many snapshots came after them.
        keep = max(settings.keep_snapshots, tables.depth(table))
        row = call(
            "expire_snapshots",
            f"older_than => {_time(now - timedelta(hours=settings.keep_snapshots_hours))}",
            f"retain_last => {keep}",
        ).first()
        said.append(f"{row.deleted_data_files_count} files expired")

    again_on_conflict(expire)

    def manifests() -> None:
        row = call("rewrite_manifests", "use_caching => false").first()
        said.append(f"{row.rewritten_manifests_count} manifests became {row.added_manifests_count}")

    again_on_conflict(manifests)
    older = f"older_than => {_time(now - timedelta(hours=settings.keep_orphans_hours))}"
    said.append(f"{call('remove_orphan_files', older, 'prefix_listing => true').count()} orphans")
    return ", ".join(said)


def _time(moment: datetime) -> str:
    return f"TIMESTAMP '{moment.isoformat()}'"
