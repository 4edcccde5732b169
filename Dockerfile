# One image for migrate, web, worker and beat: only the command and the environment differ.
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

# The same libraries as scripts/bootstrap.sh. pg_dump and pg_restore, for backups, come with a wheel.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --create-home --uid 10001 guichet

WORKDIR /srv/guichet
COPY requirements/base.txt requirements/base.txt
RUN python -m venv .venv && .venv/bin/pip install --require-hashes -r requirements/base.txt
COPY . .
RUN .venv/bin/python -m compileall -q -x '\.venv' . && install -d -o guichet -m 0700 /var/lib/guichet
USER guichet
ENV GUICHET_DATA_DIR=/var/lib/guichet PATH=/srv/guichet/.venv/bin:$PATH
VOLUME /var/lib/guichet
EXPOSE 8000
CMD ["python", "manage.py", "serve", "web"]
