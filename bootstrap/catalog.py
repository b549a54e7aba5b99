#!/usr/bin/env python3
"""The tables of an Iceberg REST catalog in a file, and back: the namespaces, and where each table's metadata lies.

    catalog.py save URI >tables.json
    catalog.py restore URI <tables.json

What tables hold is in the object store, and stays or comes back there by its own means; this is all that the catalog adds, so it
also takes tables from one catalog to another. `restore` makes namespaces and registers tables; a table that the catalog has at
another place is registered anew, and none of its files is touched.

URI: http://localhost:8181; CATALOG_WAREHOUSE names the warehouse where there are several, CATALOG_TOKEN is sent where one is
wanted. Needs nothing but Python. The format of requests is Iceberg's (open-api/rest-catalog-open-api.yaml, v1). Exit code 1: said why.
"""

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request

# Between the parts of a namespace in a path.
SEPARATOR = "\x1f"


class Catalog:
    """A catalog, asked by HTTP."""

    def __init__(self, uri: str):
        self.base = f"{uri.rstrip('/')}/v1"
        warehouse = os.environ.get("CATALOG_WAREHOUSE", "")
        config = self.call("GET", "config", {"warehouse": warehouse} if warehouse else {})
        prefix = {**config.get("defaults", {}), **config.get("overrides", {})}.get("prefix", "")
        if prefix:
            self.base += f"/{prefix}"

    def call(self, method: str, path: str, query: dict | None = None, body: dict | None = None) -> dict:
        """The answer; an error has the catalog's own words."""
        url = f"{self.base}/{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        headers = {"Content-Type": "application/json"}
        if token := os.environ.get("CATALOG_TOKEN"):
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(url, json.dumps(body).encode() if body is not None else None, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else {}

    def pages(self, path: str, key: str, query: dict | None = None) -> list:
        """All of a list, page by page."""
        found, token = [], ""
        while True:
            page = self.call("GET", path, {**(query or {}), **({"pageToken": token} if token else {})})
            found += page.get(key, [])
            token = page.get("next-page-token") or ""
            if not token:
                return found

    def namespaces(self, parent: list[str] | None = None) -> list[list[str]]:
        """Parents before their children."""
        found = []
        for each in self.pages("namespaces", "namespaces", {"parent": SEPARATOR.join(parent)} if parent else None):
            # A catalog that knows no parents answers with those that were asked for.
            if parent and len(each) <= len(parent):
                continue
            found += [each, *self.namespaces(each)]
        return found

    def has(self, path: str) -> bool:
        try:
            self.call("HEAD", path)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return False
            raise
        return True


def path(namespace: list[str], *more: str) -> str:
    parts = [SEPARATOR.join(namespace), *more]
    return "/".join(["namespaces", *(urllib.parse.quote(part, safe="") for part in parts)])


def save(catalog: Catalog) -> dict:
    saved = []
    for namespace in catalog.namespaces():
        tables = {}
        for table in catalog.pages(path(namespace, "tables"), "identifiers"):
            # Without its snapshots, for they may be many.
            loaded = catalog.call("GET", path(namespace, "tables", table["name"]), {"snapshots": "refs"})
            tables[table["name"]] = loaded["metadata-location"]
        properties = catalog.call("GET", path(namespace)).get("properties") or {}
        saved.append({"namespace": namespace, "properties": properties, "tables": tables})
    return {"namespaces": saved}


def restore(catalog: Catalog, saved: dict) -> None:
    for entry in saved["namespaces"]:
        namespace = entry["namespace"]
        if not catalog.has(path(namespace)):
            catalog.call("POST", "namespaces", body={"namespace": namespace, "properties": entry["properties"]})
        for name, location in entry["tables"].items():
            table, shown = path(namespace, "tables", name), ".".join([*namespace, name])
            if catalog.has(table):
                if catalog.call("GET", table, {"snapshots": "refs"})["metadata-location"] == location:
                    print(f"{shown}: as it was", file=sys.stderr)
                    continue
                catalog.call("DELETE", table, {"purgeRequested": "false"})
            catalog.call("POST", path(namespace, "register"), body={"name": name, "metadata-location": location})
            print(f"{shown}: {location}", file=sys.stderr)


def main(arguments: list[str]) -> str | None:
    if len(arguments) != 2 or arguments[0] not in ("save", "restore"):
        return __doc__
    try:
        catalog = Catalog(arguments[1])
        if arguments[0] == "save":
            json.dump(save(catalog), sys.stdout, indent=2)
            print()
        else:
            restore(catalog, json.load(sys.stdin))
    except urllib.error.HTTPError as error:
        return f"the catalog refuses {error.url}: {error.code} {error.read(2000).decode(errors='replace')}"
    except OSError as error:
        return f"the catalog at {arguments[1]} does not answer: {error}"
    except (ValueError, KeyError, TypeError) as error:
        return f"neither a catalog's answer nor a file that 'save' wrote: {error!r}"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
