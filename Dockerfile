# The image of every component of ours: the Python and the locked requirements that the tests ran with. Not Airflow's
# own image: that has another set of libraries, and those are part of what a snapshot's digest covers.
FROM python:3.11-slim-bookworm

WORKDIR /opt/monthend
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt

COPY requirements.in pyproject.toml ./
COPY include include
COPY plugins plugins
COPY dags dags
COPY expectations expectations
COPY reports reports
COPY docs/runbooks docs/runbooks
COPY docker docker
RUN pip install --no-cache-dir --no-deps -e . \
    && python -m compileall -q include plugins \
    && useradd --uid 10001 --no-create-home --home-dir /tmp monthend \
    && install -d -o monthend -g monthend /var/lib/monthend /var/log/airflow

USER monthend
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
