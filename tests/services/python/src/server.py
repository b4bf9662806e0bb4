"""A small web service on two pure-Python packages: bottle routes, waitress serves."""

import os
import signal
import sys
import time

from bottle import Bottle, response
from waitress import serve

HOST = os.environ.get("HOST", "0.0.0.0")
PORT = int(os.environ.get("PORT", "8080"))
STARTED = time.monotonic()

app = Bottle()


@app.get("/")
def index():
    return {"service": "hello-python", "hello": "world"}


@app.get("/hello/<name>")
def hello(name):
    return {"service": "hello-python", "hello": name}


@app.get("/health")
def health():
    return {"status": "ok", "up": round(time.monotonic() - STARTED, 3)}


@app.error(404)
def not_found(_error):
    response.content_type = "application/json"
    return '{"error": "not found"}\n'


if __name__ == "__main__":
    # As pid 1 of a container a process has no default handlers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(f"hello-python listens on {HOST}:{PORT}", flush=True)
    serve(app, host=HOST, port=PORT, threads=2, ident=None, _quiet=True)
