# The last stage holds Debian's own Python and no shell, no package manager and no pip. A venv is
# tied to the interpreter it was made with, so it is made with that very Python: Debian 12's.

# Its images carry no versions. docs/deployment.md says how to pin this one by its digest.
ARG RUNTIME=gcr.io/distroless/python3-debian12:nonroot

FROM debian:12.11-slim AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 python3-venv binutils \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY requirements/run.txt requirements/image.txt requirements/
# Two venvs: what builds the wheel has no business in the image.
RUN python3 -m venv /tool && python3 -m venv /opt/cambist \
    && /tool/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/run.txt \
    && /opt/cambist/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/image.txt
COPY pyproject.toml README.md LICENSE CHANGELOG.md ./
COPY src src
# Wheels come with debug symbols and sources for a compiler; nobody debugs or compiles in there.
RUN /tool/bin/pip wheel --no-deps --no-index --no-build-isolation --wheel-dir /wheel . \
    && /opt/cambist/bin/pip install --no-deps --no-index /wheel/*.whl \
    && /opt/cambist/bin/pip uninstall --yes setuptools pip \
    && find /opt/cambist -name '*.so' -exec strip --strip-unneeded {} + \
    && find /opt/cambist -type f '(' -name '*.c' -o -name '*.h' -o -name '*.px[di]' -o -name '*.pyx' ')' -delete \
    && install -d -m 0700 -o 65532 -g 65532 /srv/cambist/home

FROM ${RUNTIME}
COPY --from=build /opt/cambist /opt/cambist
COPY --from=build --chown=65532:65532 /srv/cambist /srv/cambist
ENV PATH=/opt/cambist/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    CAMBIST_HOME=/srv/cambist/home
USER 65532:65532
WORKDIR /srv/cambist
VOLUME /srv/cambist/home
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 CMD ["/opt/cambist/bin/python", "-c", "import http.client, os; c = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('CAMBIST_PORT') or 3000), timeout=2); c.request('GET', '/health/live'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["/opt/cambist/bin/cambist"]
CMD ["serve"]
