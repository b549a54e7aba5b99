"""What the dashboards show in a browser, beside what Trino's SQL says that they must.

    dashboards.py look FOLDER      opens each in headless Chromium, keeps a screenshot of it, and compares its numbers and tables
    dashboards.py there SLUG...    whether dashboards of these addresses are there

SUPERSET and TRINO are the servers' addresses, ADMIN_USER and ADMIN_PASSWORD whose dashboards are looked at; CHROMIUM names another
browser. `look` needs Playwright. Exit code 1: something differs.
"""

import json
import os
import re
import sys
import time
import urllib.request
from pathlib import Path

from lakehouse import TIMES, compare, sql

SALES = (
    "FROM iceberg.gold.revenue_by_minute r JOIN postgres.public.currencies c ON c.code = r.currency "
    "WHERE r.minute >= current_timestamp - INTERVAL '3' HOUR"
)
EURO = "sum(CAST(r.amount / c.per_euro AS decimal(20, 2)))"
VISITS = "FROM iceberg.gold.sessions WHERE NOT is_bot AND started_at >= current_timestamp - INTERVAL '3' HOUR"
DAY = "kafka_time >= current_timestamp - INTERVAL '24' HOUR"
SLUGS = ("sales-live", "data-quality", "platform")


def union(text: str) -> str:
    """The sum of a count over the datasets; {0} is a dataset's name."""
    return f"SELECT sum(n) FROM ({' UNION ALL '.join(f'SELECT {text.format(name)}' for name in TIMES)})"


def one(query: str):
    return sql(query)[0][0]


def wanted(slug: str) -> dict[str, str]:
    """What a dashboard must show, by the titles of its charts; of tables each row, by its first column."""
    if slug == "sales-live":
        orders = int(one(f"SELECT sum(r.orders) {SALES}"))
        euro = one(f"SELECT {EURO} {SALES}")
        bought, came = sql(f"SELECT count_if(furthest_step = 'purchase'), count(*) {VISITS}")[0]
        numbers = {
            "Revenue, EUR": f"€ {float(euro):,.2f}",
            "Orders": f"{orders:,}",
            "Average order, EUR": f"€ {float(one(f'SELECT CAST({EURO} AS double) / sum(r.orders) {SALES}')):,.2f}",
            "Visits that end with a purchase, %": f"{bought / came:.2%}",
        }
        rows = sql(f"SELECT r.currency, sum(r.orders), sum(r.amount), {EURO} {SALES} GROUP BY 1")
        title = "Revenue by currency, in its own unit and in EUR"
        return numbers | {f"{title}: {row[0]}": f"{int(row[1]):,} {float(row[2]):,.2f} {float(row[3]):,.2f}" for row in rows}
    if slug == "data-quality":
        bronze = int(one(union(f"count(*) AS n FROM iceberg.bronze.{{0}} WHERE {DAY}")))
        silver = int(one(union(f"count(*) AS n FROM iceberg.silver.{{0}} WHERE {DAY}")))
        late = int(one(union(f"count_if(is_late) AS n FROM iceberg.silver.{{0}} WHERE {DAY}")))
        refused = int(one(f"SELECT count(*) FROM iceberg.silver.quarantine WHERE {DAY}"))
        return {
            "Bronze, records": f"{bronze:,}",
            "Silver, events": f"{silver:,}",
            "Refused, records": f"{refused:,}",
            "Sent twice": f"{bronze - silver - refused:,}",
            "Late, % of events": f"{late / silver:.2%}",
            "Missing, events": "0",
        }
    rows = {name: one(f"SELECT count(*) FROM iceberg.silver.{name}") for name in TIMES}
    return {"Behind Kafka, records": "0"} | {f"Files of each table: silver.{name}": f"{count:,}" for name, count in rows.items()}


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def shown(page, titles: list[str]) -> dict[str, str]:
    """What the charts of a page show, by the same names."""
    found = {}
    for title in dict.fromkeys(name.split(": ")[0] for name in titles):
        chart = page.locator(".dashboard-component-chart-holder").filter(has=page.get_by_text(title, exact=True)).first
        number = chart.locator(".header-line")
        if number.count():
            found[title] = plain(number.first.inner_text())
        for row in chart.locator("tbody tr").all():
            cells = [plain(cell) for cell in row.locator("td").all_inner_texts()]
            # As many columns as are compared.
            want = next((name for name in titles if name == f"{title}: {cells[0]}"), None)
            if want:
                found[want] = " ".join(cells[1 : 2 if title.startswith("Files") else len(cells)])
    return found


def settled(page) -> None:
    """When every chart has been drawn; one that failed says so."""
    page.wait_for_selector(".dashboard-component-chart-holder", timeout=45_000)
    calm, deadline = 0, time.monotonic() + 240
    while calm < 4:
        if time.monotonic() > deadline:
            raise SystemExit("the dashboard is not drawn after four minutes")
        page.wait_for_timeout(500)
        waiting = page.locator(".dashboard-component-chart-holder").locator(".loading, [data-test=loading-indicator], [aria-label=Loading]").count()
        drawn = page.locator(".dashboard-component-chart-holder").locator("canvas, table, .header-line, .ant-empty, [role=alert]").count()
        calm = calm + 1 if drawn and not waiting else 0
    page.wait_for_timeout(1500)


def opened(page, address: str) -> None:
    """A dashboard, drawn; a way to it that broke is taken again."""
    from playwright.sync_api import Error

    for left in (2, 1, 0):
        try:
            page.goto(address)
            settled(page)
            return
        except Error:
            if not left:
                raise


def look(folder: str) -> int:
    from playwright.sync_api import sync_playwright

    differ = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        # Tall enough for a dashboard whole: charts out of sight are not drawn.
        page = browser.new_page(viewport={"width": 1680, "height": 1760})
        page.set_default_timeout(60_000)
        page.goto(f"{os.environ['SUPERSET']}/login/")
        page.fill("#username, input[name=username]", os.environ["ADMIN_USER"])
        page.fill("#password, input[name=password]", os.environ["ADMIN_PASSWORD"])
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "/login" not in url)
        for slug in SLUGS:
            # What moves on meanwhile (an hour that ends, a batch that comes) is looked at again.
            for left in (2, 1, 0):
                opened(page, f"{os.environ['SUPERSET']}/superset/dashboard/{slug}/")
                must = wanted(slug)
                there = shown(page, list(must))
                if must == there or not left:
                    break
            boxes = [chart.bounding_box() for chart in page.locator(".dashboard-component-chart-holder").all()]
            bottom = min(1760, max(box["y"] + box["height"] for box in boxes if box) + 20)
            page.screenshot(path=f"{folder}/{slug}.png", clip={"x": 0, "y": 0, "width": 1680, "height": bottom})
            print(f"{slug}:")
            differ += compare(must, there)
            failed = page.locator(".dashboard-component-chart-holder [role=alert]").all_inner_texts()
            if failed:
                print(f"! {slug}: {plain(' '.join(failed))[:400]}")
                differ += 1
        browser.close()
    return 1 if differ else 0


def there(*slugs: str) -> int:
    """Asked of the interface, which wants a name and a password too."""
    body = {"username": os.environ["ADMIN_USER"], "password": os.environ["ADMIN_PASSWORD"], "provider": "db"}
    headers = {"Content-Type": "application/json"}
    login = urllib.request.Request(f"{os.environ['SUPERSET']}/api/v1/security/login", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(login, timeout=60) as answer:
        token = json.load(answer)["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    with urllib.request.urlopen(urllib.request.Request(f"{os.environ['SUPERSET']}/api/v1/dashboard/", headers=headers), timeout=60) as answer:
        found = {each["slug"] for each in json.load(answer)["result"]}
    print(sorted(found, key=str))
    return 0 if set(slugs) <= found else 1


if __name__ == "__main__":
    command, *arguments = sys.argv[1:] or [""]
    if command == "look":
        Path(arguments[0]).mkdir(parents=True, exist_ok=True)
    known = {"look": look, "there": there}
    sys.exit(known[command](*arguments) if command in known else __doc__)
