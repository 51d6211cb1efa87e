#!/bin/sh
# Makes what `docker compose up` needs once: .env from .env.example, config/hybrid.yaml from
# config.example/, and a random secret in each file of secrets/. What is there already stays as it is,
# so it may be run again.
set -eu
cd "$(dirname "$0")"
umask 077

random() {
    # 32 bytes as 64 hexadecimal digits: no character that a URL or YAML would read otherwise.
    od -An -N32 -tx1 /dev/urandom | tr -d ' \n'
}

# The directory is closed to other users of this machine; the files in it are open, because the
# users inside the containers, to whom they are mounted one by one, are none of this machine's.
secret() {
    [ -e "secrets/$1" ] || cat >"secrets/$1"
    chmod 0644 "secrets/$1"
}

[ -e .env ] || cp .env.example .env
mkdir -p secrets models/chat models/code models/analysis projects config
chmod 0755 models models/chat models/code models/analysis projects config
# Not rules.yaml, which would take the place of the rules that fit the machine.
[ -e config/hybrid.yaml ] || install -m 0644 config.example/hybrid.yaml config/hybrid.yaml

random | secret postgres_password
printf 'postgresql://hybrid:%s@postgres:5432/hybrid' "$(cat secrets/postgres_password)" | secret database_url
random | secret qdrant_api_key
random | secret qdrant_read_key
printf 'service:\n  api_key: %s\n  read_only_api_key: %s\n' \
    "$(cat secrets/qdrant_api_key)" "$(cat secrets/qdrant_read_key)" | secret qdrant.yaml
random | secret grafana_password
random | secret grafana_reader_password
# Empty: no model that costs money is asked. Put a key of your own in to change that.
secret anthropic_api_key </dev/null
secret openai_api_key </dev/null
# Empty until the coordinator has made one: README.md, "The first tokens".
secret prometheus_token </dev/null

echo "Ready: look through compose/.env, then run  docker compose up --detach"
echo "Grafana's user is admin; its password is in compose/secrets/grafana_password"
