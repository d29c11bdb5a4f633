ARG SUITE
FROM debian-built/base:$SUITE
ARG VERSION
ENV DEBIAN_FRONTEND=noninteractive LANG=C.UTF-8
RUN apt-get -o Acquire::Check-Valid-Until=false update \
 && apt-get install -y --no-install-recommends "postgresql-$VERSION" \
 && rm -rf /var/lib/apt/lists/* "/var/lib/postgresql/$VERSION/main"
COPY postgres-entrypoint /usr/local/bin/docker-entrypoint.sh
EXPOSE 5432
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres"]
