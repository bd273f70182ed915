-- The two roles and the database. Run once, as an administrator who may make roles and databases:
--
--     psql -v owner_password=… -v app_password=… -f deploy/postgres/roles.sql
--
-- The owner's role makes and changes tables (DATABASE_OWNER_URL, for migrations alone). The application's role (DATABASE_URL)
-- reads and writes rows; row-level security binds it, and it can neither change a table nor switch that off.
-- Run again it changes nothing but the passwords. With -v backup_password=… a third role is made, which may copy the cluster
-- and enter no database (BACKUP_DATABASE_URL); for that PostgreSQL wants a superuser, or one who may replicate.

\set ON_ERROR_STOP on
\if :{?database}
\else
  \set database wholesale
\endif
\if :{?owner}
\else
  \set owner wholesale_owner
\endif
\if :{?app}
\else
  \set app wholesale_app
\endif

SELECT format('CREATE ROLE %I', role) FROM unnest(ARRAY[:'owner', :'app']) role
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role)
\gexec
ALTER ROLE :"owner" LOGIN PASSWORD :'owner_password';
ALTER ROLE :"app" LOGIN PASSWORD :'app_password';
-- A page that waits for a lock is better off with "try again" than with an answer after a minute.
ALTER ROLE :"app" SET lock_timeout = '2s';
ALTER ROLE :"app" SET statement_timeout = '30s';
ALTER ROLE :"app" SET idle_in_transaction_session_timeout = '60s';
\if :{?backup_password}
SELECT 'CREATE ROLE wholesale_backup' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'wholesale_backup')
\gexec
ALTER ROLE wholesale_backup LOGIN REPLICATION PASSWORD :'backup_password';
\endif
-- Who is no superuser may only give a database to a role that they belong to.
SELECT format('GRANT %I TO CURRENT_USER', :'owner') WHERE NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
\gexec

SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING ''UTF8'' LOCALE_PROVIDER builtin '
              'BUILTIN_LOCALE ''C.UTF-8'' LOCALE ''C.UTF-8''', :'database', :'owner')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database')
\gexec

\connect :"database"
SET ROLE :"owner";
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO :"app";
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO :"app";
-- What the owner makes later, by migrations; those that keep a log take UPDATE and DELETE away from it again.
ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"app";
ALTER DEFAULT PRIVILEGES GRANT USAGE ON SEQUENCES TO :"app";
