"""Work side by side in one Spark session."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from pyspark import inheritable_thread_target
from pyspark.sql import SparkSession


def side_by_side(spark: SparkSession, *works: Callable[[], object]) -> None:
    """Does each in a thread of its own, with what Spark keeps for this one (which query a job belongs to).

    Ends when all have; raises what the first of them that failed raised.
    """
    begin = inheritable_thread_target(spark)
    with ThreadPoolExecutor(len(works)) as pool:
        for begun in [pool.submit(begin(work)) for work in works]:
            begun.result()
