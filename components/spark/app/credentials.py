"""The object store's keys and Kafka's login: from files, as those change with their Secret and variables do not."""

import hashlib
import os
from pathlib import Path

from app.settings import Settings, SettingsError

FILES = {"access-key": "AWS_ACCESS_KEY_ID", "secret-key": "AWS_SECRET_ACCESS_KEY"}


def export(folder: str) -> None:
    """Gives the keys to the JVM, which is not there yet."""
    if folder:
        for name, variable in FILES.items():
            os.environ[variable] = (Path(folder) / name).read_text().strip()


def kafka(path: str) -> dict[str, str]:
    """The settings in a file of Kafka's clients, as its own tools read it with `--command-config`: `name=value` a line."""
    if not path:
        return {}
    found = {}
    for number, line in enumerate(Path(path).read_text().replace("\\\n", "").splitlines(), 1):
        line = line.strip()
        if not line or line[0] in "#!":
            continue
        name, equals, value = line.partition("=")
        # The line itself may hold a password.
        if not equals or not name.strip():
            raise SettingsError(f"{path}: setting {number} is no name=value")
        found[name.strip()] = value.strip().replace("\\n", "\n")
    return found


def digest(settings: Settings) -> bytes:
    """Tells other keys from these, and nothing else."""
    whole = hashlib.sha256()
    files = [Path(settings.credentials) / name for name in FILES if settings.credentials]
    if settings.kafka_file:
        files.append(Path(settings.kafka_file))
    for path in files:
        whole.update(path.read_bytes() + b"\n")
    return whole.digest()
