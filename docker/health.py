"""Whether a part of the stack is well: `health.py metadatabase|scheduler|dag_processor|triggerer|worker`, exit code 0.

Asking `airflow jobs check` would cost a whole Airflow each time.
"""

import json
import os
import socket
import sys
from urllib.parse import urljoin
from urllib.request import ProxyHandler, build_opener


def worker_answers() -> bool:
    """Whether this machine's worker answers over the queue."""
    from celery import Celery

    queue = Celery(broker=os.environ["AIRFLOW__CELERY__BROKER_URL"])
    return bool(queue.control.ping([f"celery@{socket.gethostname()}"], timeout=10, limit=1))


def status(part: str) -> str:
    """What the api-server says of a part."""
    address = urljoin(os.environ["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"], "/api/v2/monitor/health")
    with build_opener(ProxyHandler({})).open(address, timeout=15) as answer:
        return str(json.load(answer)[part]["status"])


if __name__ == "__main__":
    part = sys.argv[1]
    well = worker_answers() if part == "worker" else status(part) == "healthy"
    sys.exit(0 if well else f"{part} is not well")
