"""The lakehouse's way from Kafka to Iceberg.

    Kafka topic --> bronze (as received) --> silver (typed, each event once) --> gold (aggregates)
                                        \\-> silver.quarantine (what nothing could read, and why)

    settings      what the environment says
    session       the Spark session and its catalog
    schemas       the datasets, field by field
    tables        the tables, their making and their marks
    bronze, silver, quarantine, gold    a layer each
    pipeline      a micro-batch, from bronze to gold
    stream        the queries, from start to a clean stop
    health        /healthz, /readyz, /metrics
    backfill      silver and gold again from bronze
    maintenance   compaction, expiry, manifests, orphans
"""
