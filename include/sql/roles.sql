-- The four login roles. Run by an administrator (the embedded server does it itself); safe to run again.
-- Passwords are the administrator's: ALTER ROLE monthend_pipeline PASSWORD '...'.
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['monthend_owner', 'monthend_pipeline', 'monthend_reader', 'monthend_retention'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS', name);
        END IF;
    END LOOP;
END $$;
