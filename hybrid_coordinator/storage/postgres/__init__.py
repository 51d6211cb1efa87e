"""The record: an embedded or external Postgres, migrations and named queries."""
