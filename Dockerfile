# syntax=docker/dockerfile:1
# The image of detector-worker:
#
#   docker build -t detector-worker .
#   docker run -p 8000:8000 -v ./models:/app/models detector-worker
#
# Its root file system may be read-only; nothing in it runs as root. `tests/container.sh` runs the
# commands below in plain Debian roots, and then the worker in the last of them.

ARG RUST_VERSION=1.95
ARG DEBIAN=bookworm

# What compiles. Changes with the Rust version only.
FROM rust:${RUST_VERSION}-slim-${DEBIAN} AS toolchain
WORKDIR /src
RUN apt-get update && \
    apt-get install -y --no-install-recommends \
        build-essential pkg-config cmake nasm \
        libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libgstrtspserver-1.0-dev && \
    rm -rf /var/lib/apt/lists/*
RUN cargo install --locked cargo-chef cargo-auditable

# The dependencies, told apart from the sources: the next stage is built again only when they change.
FROM toolchain AS recipe
COPY . .
RUN cargo chef prepare --recipe-path recipe.json

FROM toolchain AS build
# `vulkan` compiles kernels to SPIR-V: faster on a real GPU, not for the software one. There is no
# `window`: nobody sits before a container.
ARG FEATURES=""
COPY --from=recipe /src/recipe.json recipe.json
RUN cargo chef cook --release --bin detector-worker --no-default-features --features "$FEATURES" --recipe-path recipe.json
COPY . .
# With the list of all its crates inside: `cargo audit bin detector-worker` and SBOM scanners read it.
# Without the numbers of lines, which are a third of it: a panic says its own, and a backtrace has names.
RUN cargo auditable build --release --locked --bin detector-worker --no-default-features --features "$FEATURES" && \
    mkdir /out && strip --strip-debug -o /out/detector-worker target/release/detector-worker

# What the worker needs of GStreamer, and not the hundreds of plugins beside it.
FROM debian:${DEBIAN}-slim AS media
RUN apt-get update && \
    apt-get install -y --no-install-recommends \
        gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-libav \
        libgstrtspserver-1.0-0 && \
    rm -rf /var/lib/apt/lists/*
COPY --from=build /out/detector-worker /usr/local/bin/detector-worker
COPY script/media-files /usr/local/bin/media-files
RUN media-files /usr/local/bin/detector-worker /rootfs

FROM debian:${DEBIAN}-slim AS runtime
# Drivers of AMD's and Intel's GPUs, and the software one. NVIDIA's come from the host, by its
# container toolkit: `--build-arg VULKAN_DRIVERS=` leaves these out.
ARG VULKAN_DRIVERS="mesa-vulkan-drivers"
RUN apt-get update && \
    apt-get install -y --no-install-recommends \
        ca-certificates glib-networking libsoup-3.0-0 libvulkan1 $VULKAN_DRIVERS && \
    rm -rf /var/lib/apt/lists/*
COPY --from=media /rootfs /
RUN useradd --uid 10001 --no-create-home --home-dir /app --shell /usr/sbin/nologin worker && \
    install -d -o worker -g worker /app /app/models /var/cache/detector-worker
WORKDIR /app
ENV DETECTOR_LISTEN=0.0.0.0:8000 \
    DETECTOR_MODELS_DIR=/app/models \
    XDG_CACHE_HOME=/var/cache/detector-worker \
    NVIDIA_DRIVER_CAPABILITIES=compute,graphics,utility,video
USER worker
EXPOSE 8000
VOLUME ["/app/models", "/var/cache/detector-worker"]
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s --retries=3 CMD ["detector-worker", "healthcheck"]
ENTRYPOINT ["detector-worker"]
CMD ["run"]
ARG VERSION=""
ARG REVISION=""
LABEL org.opencontainers.image.title="detector-worker" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.description="Watches cameras for a CMS: runs YOLO pipelines on their newest frames and sends back what it sees" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
