# The whole service in one container:
#   docker build -t aerodrome .
#   docker run --rm -p 8080:8080 -p 8443:8443 -v aerodrome:/home/aerodrome/.aerodrome \
#     -e AERODROME_S3_ENDPOINT=http://s3.example:9000 -e AWS_ACCESS_KEY_ID -e AWS_SECRET_ACCESS_KEY aerodrome
# Without AERODROME_S3_ENDPOINT the embedded S3 runs, which answers inside the container only.
# BASE: any image with Python 3.11 or newer and a C library that wheels are made for (glibc).
ARG BASE=python:3.12-slim
FROM ${BASE} AS build
WORKDIR /build
COPY requirements.lock pyproject.toml README.md LICENSE ./
RUN python3 -m venv /opt/aerodrome \
 && /opt/aerodrome/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock
COPY control_plane control_plane
COPY runner runner
COPY sync sync
COPY infra infra
COPY examples examples
RUN /opt/aerodrome/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation --editable . \
 && /opt/aerodrome/bin/python -m compileall -q control_plane runner sync infra

FROM ${BASE}
RUN useradd --create-home --uid 10001 aerodrome
COPY --from=build /opt/aerodrome /opt/aerodrome
COPY --from=build /build /build
USER aerodrome
RUN mkdir -m 700 /home/aerodrome/.aerodrome
ENV PATH=/opt/aerodrome/bin:$PATH
# What the Docker provisioner runs cells with: the interpreter, our code, the part of it that user code imports.
LABEL aerodrome.python=/opt/aerodrome/bin/python aerodrome.code=/build aerodrome.sdk=/build/runner/sdk
EXPOSE 8080 8443
VOLUME /home/aerodrome/.aerodrome
STOPSIGNAL SIGTERM
CMD ["aerodrome", "up", "--host", "0.0.0.0"]
