# syntax=docker/dockerfile:1
ARG PYTHON_VERSION=3.13

FROM python:${PYTHON_VERSION}-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/cara
WORKDIR /build
COPY constraints.txt pyproject.toml setup.cfg README.md LICENSE ./
COPY cara ./cara
COPY worker ./worker
COPY migrations ./migrations
# Byte code is written here, because the file system is read-only where it runs.
RUN /opt/cara/bin/pip install --compile --constraint constraints.txt . \
    && /opt/cara/bin/pip uninstall --yes pip

FROM python:${PYTHON_VERSION}-slim
LABEL org.opencontainers.image.title="Cara" \
      org.opencontainers.image.description="The backend of an AI communication coach" \
      org.opencontainers.image.licenses="MIT"
RUN useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin cara
COPY --from=build /opt/cara /opt/cara
ENV PATH=/opt/cara/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    CARA_ENV=production \
    HOST=0.0.0.0 \
    PORT=3001
WORKDIR /srv
USER 10001:10001
EXPOSE 3001
# For the web process; a worker has its own in docker-compose.yml.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as http; http.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/health', timeout=4)"]
CMD ["cara", "serve"]
