#!/usr/bin/env bash
# Installs what the tests compare with, where it is missing: a PostgreSQL server of the machine's own, zstd, openssl,
# Python's AES and the aws command. Needs root only when something is missing.
set -euo pipefail

missing=()
[ -n "$(ls -d /usr/lib/postgresql/*/bin/postgres 2>/dev/null || true)" ] || missing+=(postgresql)
command -v zstd >/dev/null || missing+=(zstd)
command -v openssl >/dev/null || missing+=(openssl)
/usr/bin/python3 -c 'import cryptography' 2>/dev/null || missing+=(python3-cryptography)
command -v aws >/dev/null || missing+=(awscli)

[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ]; then
  echo "the tests need Debian's packages that are not installed: ${missing[*]}" >&2
  echo "HINT: as root: apt-get install ${missing[*]}" >&2
  exit 1
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
