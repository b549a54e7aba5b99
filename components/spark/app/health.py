"""What the process says of itself: /healthz, /readyz, /metrics."""

import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# The main thread asks Spark that often; silence for longer than the other means that it does not answer.
BEAT_SECONDS = 5
SILENCE_SECONDS = 60


class Health:
    """Filled by the queries' threads, read by the server's."""

    def __init__(self, batch_limit: float):
        self.batch_limit = batch_limit
        self.ready = False
        self._lock = threading.Lock()
        self._beat = time.monotonic()
        self._busy: dict[str, float] = {}
        self._values: dict[tuple[str, str], float] = {}

    def beat(self) -> None:
        """Spark answered, and all queries are there."""
        with self._lock:
            self._beat = time.monotonic()

    @contextmanager
    def busy(self, query: str):
        """A batch of the query runs."""
        with self._lock:
            self._busy[query] = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._busy.pop(query, None)

    def trouble(self) -> str | None:
        """Why the process should be started again, or none."""
        now = time.monotonic()
        with self._lock:
            if now - self._beat > SILENCE_SECONDS:
                return f"spark has not answered for {now - self._beat:.0f} s"
            for query, since in self._busy.items():
                if now - since > self.batch_limit:
                    return f"a batch of {query} has run for {now - since:.0f} s"
        return None

    def rows(self, dataset: str, records: int, rows: dict[str, int]) -> None:
        """Counts what a batch brought."""
        with self._lock:
            self._add("lakehouse_records_total", f'dataset="{dataset}"', records)
            for layer, count in rows.items():
                self._add("lakehouse_rows_total", f'dataset="{dataset}",layer="{layer}"', count)

    def batch(self, query: str, seconds: float) -> None:
        """A batch is through."""
        with self._lock:
            labels = f'query="{query}"'
            self._add("lakehouse_batches_total", labels, 1)
            self._add("lakehouse_batch_seconds_total", labels, seconds)
            self._values["lakehouse_last_batch_timestamp_seconds", labels] = time.time()
            self._values["lakehouse_last_batch_seconds", labels] = seconds

    def behind(self, query: str, offsets: float) -> None:
        """How many records Kafka has that the query has not."""
        with self._lock:
            self._values["lakehouse_records_behind", f'query="{query}"'] = offsets

    def _add(self, name: str, labels: str, count: float) -> None:
        self._values[name, labels] = self._values.get((name, labels), 0) + count

    def metrics(self) -> str:
        """Everything, as Prometheus reads it."""
        with self._lock:
            values = sorted(self._values.items())
        lines, last = [], None
        for (name, labels), value in values:
            if name != last:
                lines.append(f"# TYPE {name} {'counter' if name.endswith('_total') else 'gauge'}")
                last = name
            lines.append(f"{name}{{{labels}}} {value:.15g}")
        return "\n".join(lines) + "\n"


def serve(health: Health, port: int) -> ThreadingHTTPServer:
    """Answers on the port until the process ends."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            trouble, path = health.trouble(), self.path.partition("?")[0]
            if path == "/metrics":
                self._answer(200, health.metrics(), "text/plain; version=0.0.4")
            elif path == "/healthz":
                self._answer(503 if trouble else 200, f"{trouble or 'ok'}\n")
            elif path == "/readyz":
                self._answer(200 if health.ready and not trouble else 503, "ok\n" if health.ready else "not yet\n")
            else:
                self._answer(404, "there are /healthz, /readyz and /metrics\n")

        def _answer(self, status: int, text: str, kind: str = "text/plain") -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Probes are not worth a line."""

    server = ThreadingHTTPServer(("", port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server
