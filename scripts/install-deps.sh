#!/usr/bin/env bash
# Installs what a build of this workspace needs beside a Rust toolchain, on Debian and its kin. Does nothing if it is all
# there. `--tests`: also what the client tests need.
set -euo pipefail

packages=()
need() { # need COMMAND PACKAGE...
  command -v "$1" > /dev/null || packages+=("${@:2}")
}

need cc gcc libc6-dev
need c++ g++
need make make
need pkg-config pkg-config
# RocksDB takes half an hour to compile; with ccache once.
need ccache ccache
# The bindings of RocksDB and libsecp256k1 are made with libclang, which the build loads by itself.
if ! ls /usr/lib/llvm-*/lib/libclang*.so* /usr/lib/*/libclang*.so* > /dev/null 2>&1 && [ -z "${LIBCLANG_PATH:-}" ]; then
  packages+=(libclang-dev)
fi
if [ "${1:-}" = --tests ]; then
  need curl curl
  need node nodejs
  need npm npm
  need python3 python3 python3-venv
  # Servers that the gateway's bindings are tested against.
  PATH=$PATH:/usr/sbin
  need nginx nginx-light
  need coap-server-notls libcoap3-bin
  need mosquitto mosquitto
  [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || packages+=(rabbitmq-server)
  python3 -c 'import ensurepip, venv' 2> /dev/null || packages+=(python3-venv)
fi

if [ "${#packages[@]}" -gt 0 ]; then
  if ! command -v apt-get > /dev/null; then
    echo "install these by hand (there is no apt-get): ${packages[*]}" >&2
    exit 1
  fi
  sudo=
  if [ "$(id -u)" -ne 0 ]; then
    sudo=sudo
  fi
  echo "installing ${packages[*]}"
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -qq -y --no-install-recommends "${packages[@]}" > /dev/null
fi

if ! command -v cargo > /dev/null; then
  echo "there is no Rust toolchain: install one with rustup, then start again" >&2
  exit 1
fi
