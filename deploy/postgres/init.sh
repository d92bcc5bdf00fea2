#!/bin/sh
# Runs once, when the container's database is made.
set -eu
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    --set owner_password="$OWNER_PASSWORD" --set shop_password="$SHOP_PASSWORD" \
    --file /roles.sql
