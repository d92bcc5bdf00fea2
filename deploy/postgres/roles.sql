-- Two roles: shop_owner makes and changes tables (migrate), shop works with them. Whoever
-- owns a table can switch off the triggers that guard the books, so the shop must not.
-- Once, as a superuser, in the shop's database:
--   psql -v ON_ERROR_STOP=1 -v owner_password=… -v shop_password=… -f roles.sql
CREATE ROLE shop_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE shop LOGIN PASSWORD :'shop_password';
ALTER SCHEMA public OWNER TO shop_owner;
GRANT USAGE ON SCHEMA public TO shop;
ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO shop;
ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner IN SCHEMA public
    GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO shop;
-- Tables that are there already, where the shop moves in from one role.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO shop;
GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public TO shop;
-- Connections bring these along; behind PgBouncer they cannot.
ALTER ROLE shop SET statement_timeout = '60s';
ALTER ROLE shop SET lock_timeout = '3s';
ALTER ROLE shop SET idle_in_transaction_session_timeout = '10s';
ALTER ROLE shop SET shop.points_max_charge = '1000000';
ALTER ROLE shop SET shop.points_max_balance = '10000000';
-- A migration that would wait behind a long reader gives up, and is run again.
ALTER ROLE shop_owner SET lock_timeout = '2s';
