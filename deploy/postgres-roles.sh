#!/bin/sh
# Runs once, when the database is created: the role that owns the schema and the role that serves.
set -eu
psql -v ON_ERROR_STOP=1 --username postgres --dbname guichet \
    -v owner_password="$GUICHET_OWNER_PASSWORD" -v app_password="$GUICHET_APP_PASSWORD" <<'SQL'
CREATE ROLE guichet_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE guichet_app LOGIN PASSWORD :'app_password';
ALTER DATABASE guichet OWNER TO guichet_owner;
ALTER SCHEMA public OWNER TO guichet_owner;
GRANT CONNECT ON DATABASE guichet TO guichet_app;
SQL
