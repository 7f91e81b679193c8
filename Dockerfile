# checkly-bridge in a container: see docs/how-to/kubernetes.md.
#
#   digest=$(docker buildx imagetools inspect python:3.13-slim --format '{{.Manifest.Digest}}')
#   docker build --build-arg BASE="python:3.13-slim@$digest" --build-arg VERSION=0.1.0 \
#     --build-arg REVISION="$(git rev-parse HEAD)" --tag checkly-bridge:0.1.0 .
#   docker run --rm checkly-bridge:0.1.0 check /usr/share/doc/checkly-bridge/bridge.yaml
#
# Everything that is installed, the build backend included, is pinned by hash; nothing is compiled. The base image moves
# with its tag: a build that names a VERSION demands a digest.

ARG BASE=python:3.13-slim

FROM ${BASE} AS build
ARG BASE
ARG VERSION=0.0.0
RUN case "$VERSION $BASE" in \
      "0.0.0 "*|*"@sha256:"*) ;; \
      *) echo "version $VERSION needs --build-arg BASE=IMAGE@sha256:DIGEST: $BASE moves with its tag" >&2; exit 1 ;; \
    esac
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements.lock deploy/build.lock ./
RUN python -m venv /opt/tools \
 && /opt/tools/bin/pip install --require-hashes --only-binary :all: --requirement build.lock \
 && python -m venv --without-pip /opt/bridge \
 && /opt/tools/bin/pip --python /opt/bridge/bin/python install \
      --require-hashes --only-binary :all: --requirement requirements.lock \
 && find /opt/bridge -type d -name tests -prune -exec rm -r {} +
COPY pyproject.toml README.md LICENSE ./
COPY bridge bridge
RUN /opt/tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
 && /opt/tools/bin/pip --python /opt/bridge/bin/python install --no-deps dist/*.whl

FROM ${BASE}
ARG BASE
ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="checkly-bridge" \
      org.opencontainers.image.description="Turns Prometheus Alertmanager and PagerDuty alerts into incidents on Checkly status pages." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE}"

# The base image's pip has no work here. The data folder is the only place that is ever written to.
RUN python -m pip uninstall --yes pip \
 && install --directory --owner 65532 --group 65532 --mode 0700 /data
COPY --from=build /opt/bridge /opt/bridge
COPY LICENSE config/bridge.yaml config/pagerduty.yaml config/bridge.schema.json /usr/share/doc/checkly-bridge/

ENV PATH=/opt/bridge/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# The embedded Valkey keeps its files in ./data.
WORKDIR /
VOLUME /data
USER 65532:65532
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
  CMD ["python", "-m", "bridge.web.ping", "8080", "/healthz"]
ENTRYPOINT ["bridge"]
CMD ["serve", "--config", "/etc/bridge/bridge.yaml"]
