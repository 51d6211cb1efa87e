-- The role that Grafana's panels run as: it reads figures, and no text of anybody. Whoever may look
-- at a dashboard may send any statement as this role, so it is granted columns, not tables.
-- Repeatable: run by psql as the owner of the tables, with the password in $GRAFANA_PASSWORD_FILE.
\set ON_ERROR_STOP on
\set password `cat "$GRAFANA_PASSWORD_FILE"`

SELECT 'CREATE ROLE grafana' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'grafana') \gexec
ALTER ROLE grafana LOGIN NOCREATEDB NOCREATEROLE NOINHERIT CONNECTION LIMIT 20 PASSWORD :'password';
ALTER ROLE grafana SET default_transaction_read_only = on;
ALTER ROLE grafana SET statement_timeout = '30s';

-- Everybody may make temporary tables otherwise, and fill the disk with them.
SELECT format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()) \gexec
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM grafana;
GRANT USAGE ON SCHEMA public TO grafana;
GRANT SELECT (id, project, agent_type, model_used, tokens_used, latency_ms, created_at)
    ON interactions TO grafana;
GRANT SELECT (id, interaction_id, outcome, value_score, source, confidence, created_at)
    ON outcomes TO grafana;
GRANT SELECT (interaction_id, item_id, propensity, withheld, cited) ON exposures TO grafana;
GRANT SELECT (
    id, interaction_id, position, model, tier, remote, rule, task_type, complexity, project, outcome,
    confidence, latency_ms, first_token_ms, tokens_per_second, tokens_in, tokens_out, cost_usd,
    created_at
) ON route_attempts TO grafana;
GRANT SELECT ON spend TO grafana;
GRANT SELECT (id, version, delta, collection, project, origin, created_at, updated_at)
    ON knowledge_items TO grafana;
GRANT SELECT (id, kind, project, parked, tries, tried_at, created_at) ON jobs TO grafana;
GRANT SELECT (id, project, kind, state, created_at, updated_at) ON skill_proposals TO grafana;
