"""The Spark session: one JVM, small, with the Iceberg catalog."""

import glob
import os

from pyspark.sql import SparkSession

from app import credentials
from app.settings import Settings


def open_session(settings: Settings, name: str) -> SparkSession:
    """Starts Spark and makes sure that the layers' namespaces exist."""
    conf = {
        "spark.master": settings.master,
        "spark.driver.memory": settings.heap,
        "spark.driver.extraJavaOptions": settings.java_options,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.session.timeZone": "UTC",
        # Batches are small: more partitions or adaptive plans cost more than they win.
        "spark.sql.shuffle.partitions": "2",
        "spark.default.parallelism": "2",
        "spark.sql.adaptive.enabled": "false",
        # Each batch is planned anew: compiling whole stages for it takes longer than its rows do.
        "spark.sql.codegen.wholeStage": "false",
        "spark.scheduler.mode": "FAIR",
        "spark.sql.autoBroadcastJoinThreshold": str(16 * 1024 * 1024),
        "spark.sql.ui.retainedExecutions": "5",
        "spark.sql.streaming.numRecentProgressUpdates": "5",
        "spark.sql.streaming.minBatchesToRetain": "20",
        "spark.sql.streaming.metricsEnabled": "false",
        "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        f"spark.sql.catalog.{settings.catalog}": "org.apache.iceberg.spark.SparkCatalog",
        # Others commit too (maintenance, backfills): what is read must be what is there.
        f"spark.sql.catalog.{settings.catalog}.cache-enabled": "false",
        # There are two cores: a pool of threads for every table's manifests would only wait for them.
        "spark.sql.iceberg.locality.enabled": "false",
    }
    credentials.export(settings.credentials)
    jars = os.environ.get("LAKEHOUSE_JARS")
    if jars:
        conf["spark.jars"] = ",".join(sorted(glob.glob(f"{jars}/*.jar")))
    if settings.master.startswith("k8s://"):
        # Executors belong to this pod, end with it and find it.
        conf["spark.kubernetes.driver.pod.name"] = os.environ["POD_NAME"]
        conf["spark.driver.host"] = os.environ["POD_IP"]
    conf |= {f"spark.sql.catalog.{settings.catalog}.{key}": text for key, text in settings.catalog_conf.items()}
    conf |= settings.spark_conf
    builder = SparkSession.builder.appName(name)
    for key, text in conf.items():
        builder = builder.config(key, text)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("WARN")
    for layer in ("bronze", "silver", "gold"):
        where = settings.locations.get(layer)
        clause = f" LOCATION '{where}'" if where else ""
        spark.sql(f"CREATE NAMESPACE IF NOT EXISTS {settings.catalog}.{layer}{clause}")
    return spark
