# Builds the Debian package with Swift and installs it without:
#   docker build -t apus . && docker run --rm -v ~/data:/data -v ~/runs:/runs apus replay /data/nuscenes --out /runs/mini
FROM swift:6.3-bookworm AS build
RUN apt-get update -qq && apt-get install -y -qq make git dpkg-dev
WORKDIR /apus
COPY . .
RUN make deb

FROM debian:bookworm-slim
COPY --from=build /apus/.build/apus_*.deb /tmp/
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends /tmp/apus_*.deb \
  && rm -rf /tmp/apus_*.deb /var/lib/apt/lists/*
ENTRYPOINT ["apus"]
