"""The command line: what is to be done; all else is in the environment (see settings)."""

import argparse
import glob
import logging
import os
import sys


def find_spark() -> None:
    """Makes pyspark importable where it is in Spark's own folder, not among Python's packages."""
    home = os.environ.get("SPARK_HOME")
    if home:
        sys.path[1:1] = [f"{home}/python", *sorted(glob.glob(f"{home}/python/lib/*.zip"))]


def main() -> int:
    """Returns 0; 1 if something could not be done; 2 for arguments or settings that cannot be used."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("py4j").setLevel(logging.WARNING)
    parser = argparse.ArgumentParser(prog="app", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("stream", help="take what comes from Kafka, until SIGTERM")
    commands.add_parser("maintenance", help="compact, expire, rewrite manifests, remove orphans")
    again = commands.add_parser("backfill", help="make silver and gold again from bronze")
    again.add_argument("--from", dest="start", metavar="DAY", help="the first day, 2026-03-01")
    again.add_argument("--to", dest="end", metavar="DAY", help="the day after the last")
    again.add_argument("--days", type=int, help="instead: so many days up to today")
    again.add_argument("--datasets", default="orders,clicks,sensors")
    arguments = parser.parse_args()

    find_spark()
    from app import backfill, maintenance, stream
    from app.schemas import DATASETS
    from app.settings import Settings, SettingsError

    try:
        settings = Settings.of(os.environ)
    except SettingsError as error:
        parser.error(str(error))
    if arguments.command == "stream":
        return stream.run(settings)
    if arguments.command == "maintenance":
        return maintenance.run(settings)
    names = [name.strip() for name in arguments.datasets.split(",")]
    wrong = [name for name in names if name not in DATASETS or not DATASETS[name].time]
    if wrong:
        parser.error(f"only events can be rebuilt, not {', '.join(wrong)}")
    try:
        if arguments.days:
            start, end = backfill.last_days(arguments.days)
        else:
            start, end = backfill.day(arguments.start or ""), backfill.day(arguments.end or "")
    except ValueError as error:
        parser.error(f"--from and --to are days such as 2026-03-01, or give --days: {error}")
    if start >= end:
        parser.error("--to must be after --from")
    return backfill.run(settings, start, end, names)
