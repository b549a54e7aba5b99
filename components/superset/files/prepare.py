"""Brings the metadata to this version of Superset, and its administrator to what the Secret says. May run any number of times."""

import os
import sqlite3
from contextlib import contextmanager

from superset.app import create_app


@contextmanager
def alone(uri: str):
    """Of several pods that start at once, one changes a PostgreSQL database; SQLite has but one."""
    if uri.startswith("sqlite:///"):
        with sqlite3.connect(uri.removeprefix("sqlite:///")) as file:
            # Readers do not wait for who writes, and a kill leaves it whole.
            file.execute("PRAGMA journal_mode = WAL")
        yield
        return
    from sqlalchemy import create_engine

    with create_engine(uri).connect() as connection:
        connection.execute("SELECT pg_advisory_lock(hashtext('superset'))")
        yield


def main() -> None:
    app = create_app()
    with app.app_context(), alone(app.config["SQLALCHEMY_DATABASE_URI"]):
        from flask_migrate import upgrade
        from superset import appbuilder, security_manager
        from superset.extensions import db

        upgrade()
        appbuilder.add_permissions(update_perms=True)
        security_manager.sync_role_definitions()
        db.session.commit()
        administrator(security_manager, os.environ["ADMIN_USER"], os.environ["ADMIN_PASSWORD"], os.environ["ADMIN_EMAIL"])
        db.session.commit()


def administrator(manager, name: str, password: str, email: str) -> None:
    from werkzeug.security import check_password_hash

    user = manager.find_user(username=name)
    if user is None:
        role = manager.find_role(manager.auth_role_admin)
        if not manager.add_user(name, "Lakehouse", "Administrator", email, role, password=password):
            raise SystemExit(f"failed to add the user {name}")
        print(f"added the user {name}", flush=True)
    elif not check_password_hash(user.password, password):
        manager.reset_password(user.id, password)
        print(f"set the password of {name}", flush=True)


if __name__ == "__main__":
    main()
