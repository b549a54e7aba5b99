"""Brings the dashboards of a folder into Superset, if they are not there yet as they are.

    dashboards.py FOLDER

The folder is what Superset's own export unpacks to. Each dashboard and chart says by its certificate that it comes from here, and
with which digest of them all: nothing is done where that is there already, and what the folder has no more is removed. Needs SUPERSET,
ADMIN_USER, ADMIN_PASSWORD, METADATA_DIGEST, which Superset's answers must bear, and the address of the database in DATABASE_URI; if
that one talks HTTPS, DATABASE_AUTHORITY is the file that its certificate is checked with.
"""

import hashlib
import io
import os
import sys
import time
import zipfile
from pathlib import Path

import requests
import yaml

ORIGIN = "git"
MARK = "as in git, digest "
METADATA = "X-Lakehouse-Metadata"
CERTIFIED = ("dashboards", "charts")


def bundle(folder: Path, uri: str, authority: str | None) -> tuple[str, dict[str, dict]]:
    """The digest of all files, and what they hold by their paths."""
    files = {}
    for kind in ("databases", "datasets", *CERTIFIED):
        # A volume's folders are links, which a search does not follow.
        top = (folder / kind).resolve()
        files |= {f"{kind}/{path.relative_to(top).as_posix()}": yaml.safe_load(path.read_text()) for path in sorted(top.glob("**/*.yaml"))}
    if not any(path.startswith("dashboards/") for path in files):
        raise SystemExit(f"no dashboards in {folder}: nothing is changed")
    for path, held in files.items():
        if path.startswith("databases/"):
            held["sqlalchemy_uri"] = uri
            if authority:
                held["extra"]["engine_params"]["connect_args"] |= {"http_scheme": "https", "verify": authority}
    digest = hashlib.sha256(yaml.safe_dump(files, sort_keys=True).encode()).hexdigest()[:16]
    for path, held in files.items():
        if path.split("/")[0] in CERTIFIED:
            held |= {"certified_by": ORIGIN, "certification_details": MARK + digest}
    return digest, files


def pack(files: dict[str, dict]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("assets/metadata.yaml", yaml.safe_dump({"version": "1.0.0", "type": "assets", "timestamp": "2026-01-01T00:00:00+00:00"}))
        for path, held in files.items():
            archive.writestr(f"assets/{path}", yaml.safe_dump(held, sort_keys=False, allow_unicode=True))
    return buffer.getvalue()


class Superset:
    """Its HTTP interface, for an administrator."""

    def __init__(self, address: str, user: str, password: str, metadata: str):
        self.address = f"{address}/api/v1"
        self.metadata = metadata
        self.session = requests.Session()
        body = {"username": user, "password": password, "provider": "db", "refresh": False}
        token = self.call("POST", "security/login", json=body)["access_token"]
        self.session.headers["Authorization"] = f"Bearer {token}"
        self.session.headers["X-CSRFToken"] = self.call("GET", "security/csrf_token/")["result"]
        self.session.headers["Referer"] = address

    def call(self, method: str, path: str, **more) -> dict:
        answer = self.session.request(method, f"{self.address}/{path}", timeout=300, **more)
        # A pod of before may answer until its successor is ready.
        if answer.headers.get(METADATA) != self.metadata:
            raise SystemExit(f"{method} {path}: a Superset with other metadata answered")
        if not answer.ok:
            raise SystemExit(f"{method} {path}: {answer.status_code} {answer.text[:2000]}")
        return answer.json()

    def certified(self, kind: str) -> dict[str, tuple[int, str]]:
        """Of what comes from here, the number and the certificate by its uuid."""
        found, page = {}, 0
        while True:
            query = f"(columns:!(id,uuid,certified_by,certification_details),page:{page},page_size:100)"
            rows = self.call("GET", f"{kind.removesuffix('s')}/?q={query}")["result"]
            for row in rows:
                if row.get("certified_by") == ORIGIN:
                    found[str(row["uuid"])] = (row["id"], row.get("certification_details") or "")
            if len(rows) < 100:
                return found
            page += 1


def wait(address: str, metadata: str) -> None:
    """For its health; a Superset that starts for the first time takes its time."""
    for _ in range(300):
        try:
            answer = requests.get(f"{address}/health", timeout=5)
            if answer.ok and answer.headers.get(METADATA) == metadata:
                return
        except requests.RequestException:
            pass
        time.sleep(2)
    raise SystemExit(f"Superset does not answer at {address}")


def main(folder: Path) -> None:
    address, metadata = os.environ["SUPERSET"], os.environ["METADATA_DIGEST"]
    digest, files = bundle(folder, os.environ["DATABASE_URI"], os.environ.get("DATABASE_AUTHORITY"))
    wanted = {kind: {str(held["uuid"]) for path, held in files.items() if path.startswith(f"{kind}/")} for kind in CERTIFIED}
    wait(address, metadata)
    superset = Superset(address, os.environ["ADMIN_USER"], os.environ["ADMIN_PASSWORD"], metadata)
    there = {kind: superset.certified(kind) for kind in CERTIFIED}
    if all({each: mark for each, (_, mark) in there[kind].items()} == dict.fromkeys(wanted[kind], MARK + digest) for kind in CERTIFIED):
        print(f"{len(wanted['dashboards'])} dashboards are there as they are in git, digest {digest}")
        return
    superset.call("POST", "assets/import/", files={"bundle": ("assets.zip", pack(files), "application/zip")})
    print(f"imported {len(wanted['dashboards'])} dashboards and {len(wanted['charts'])} charts, digest {digest}")
    for kind in CERTIFIED:
        for uuid in there[kind].keys() - wanted[kind]:
            superset.call("DELETE", f"{kind.removesuffix('s')}/{there[kind][uuid][0]}")
            print(f"removed {kind.removesuffix('s')} {uuid}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
