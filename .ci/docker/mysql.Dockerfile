ARG SUITE
FROM debian-built/base:$SUITE
ARG PACKAGE
ENV DEBIAN_FRONTEND=noninteractive LANG=C.UTF-8
RUN apt-get -o Acquire::Check-Valid-Until=false update \
 && apt-get install -y --no-install-recommends "$PACKAGE" \
 && rm -rf /var/lib/apt/lists/* /var/lib/mysql/*
COPY mysql-entrypoint /usr/local/bin/docker-entrypoint.sh
EXPOSE 3306
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["server"]
