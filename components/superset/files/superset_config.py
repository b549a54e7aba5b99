"""Superset's settings. What differs from pod to pod comes by the environment."""

import os

from sqlalchemy.engine import URL

if os.environ.get("METADATA_HOST"):
    SQLALCHEMY_DATABASE_URI = URL.create(
        "postgresql+psycopg2",
        os.environ["METADATA_USER"],
        os.environ["METADATA_PASSWORD"],
        os.environ["METADATA_HOST"],
        int(os.environ["METADATA_PORT"]),
        os.environ["METADATA_DATABASE"],
    ).render_as_string(hide_password=False)
    SQLALCHEMY_ENGINE_OPTIONS = {"pool_pre_ping": True}
else:
    SQLALCHEMY_DATABASE_URI = f"sqlite:///{os.environ['SUPERSET_HOME']}/superset.db"
    # Who finds it locked by another thread waits.
    SQLALCHEMY_ENGINE_OPTIONS = {"connect_args": {"timeout": 30}}
SQLALCHEMY_EXAMPLES_URI = None

# Which metadata answers: whoever imports dashboards must not do so into what a pod of before has.
OVERRIDE_HTTP_HEADERS = {"X-Lakehouse-Metadata": os.environ["METADATA_DIGEST"]}

APP_NAME = "Lakehouse"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
# A dashboard's scripts alone are more requests than the 50 that are allowed in a second.
RATELIMIT_APPLICATION = "500 per second"
# A query on a busy laptop takes its time; gunicorn waits longer than this.
SUPERSET_WEBSERVER_TIMEOUT = 180
SQLLAB_TIMEOUT = 180
FEATURE_FLAGS = {"DASHBOARD_VIRTUALIZATION": True, "ALERT_REPORTS": False}

EXTRA_CATEGORICAL_COLOR_SCHEMES = [
    {
        "id": "lakehouse",
        "label": "Lakehouse",
        "description": "Calm waters, with amber and coral for what wants attention",
        "isDefault": True,
        "colors": [
            "#1B6E8C", "#3FA7B5", "#F2A541", "#5B7FBF", "#7BC5AE", "#D9645A",
            "#8E6BAF", "#A3B8C2", "#2F4B63", "#C9B458", "#6C9A5F", "#B0708E",
        ],
    }
]
