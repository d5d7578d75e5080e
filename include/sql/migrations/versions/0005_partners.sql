-- Partners' returns: of each feed a table and, as of a load number, the rows of its current deliveries with the period
-- and the area (`sender`) of the delivery that brought them.

CREATE TABLE reporting.csp_return (
    delivery_id       bigint NOT NULL REFERENCES landing.delivery,
    row_number        bigint NOT NULL,
    csp_code          text NOT NULL,
    return_period     text NOT NULL,
    sp                text NOT NULL,
    item_code         text NOT NULL,
    item_period_start date NOT NULL,
    item_period_end   date NOT NULL,
    basis             text NOT NULL,
    numerator         numeric,
    denominator       numeric,
    value             numeric,
    unit              text NOT NULL,
    missing_reason    text,
    narrative         text,
    source_system     text,
    signed_by_role    text,
    signed_on         date,
    PRIMARY KEY (delivery_id, row_number)
);

DO $$
DECLARE
    feed text;
    columns text;
BEGIN
    FOREACH feed IN ARRAY ARRAY['csp_return']
    LOOP
        SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) INTO columns
        FROM pg_attribute WHERE attrelid = ('reporting.' || feed)::regclass AND attnum > 0;
        EXECUTE 'CREATE FUNCTION reporting.' || feed || '_at(as_of bigint)'
            || ' RETURNS TABLE (delivery_period text, sender text, ' || columns || ') LANGUAGE sql STABLE AS $f$'
            || ' SELECT d.period, d.area_code, r.* FROM reporting.' || feed || ' r'
            || ' JOIN reporting.current_delivery(''' || feed || ''', as_of) d ON d.delivery_id = r.delivery_id $f$';
        EXECUTE 'GRANT SELECT, INSERT ON reporting.' || feed || ' TO monthend_pipeline';
        EXECUTE 'GRANT SELECT, DELETE ON reporting.' || feed || ' TO monthend_retention';
    END LOOP;
END
$$;

-- A later day that a partner was given for a return, by whom and why; the newest holds.
CREATE TABLE landing.extension (
    extension_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feed         text NOT NULL,
    period       text NOT NULL,
    area_code    text NOT NULL,
    until        date NOT NULL,
    reason       text NOT NULL CHECK (reason <> ''),
    given_by     text NOT NULL,
    display_name text NOT NULL,
    given_on     date NOT NULL,
    given_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT SELECT, INSERT ON landing.extension TO monthend_pipeline;

-- A notice may bring a file: a partner's own return, with what is to be put right.
ALTER TABLE delivery.notice ADD COLUMN attachment_name text, ADD COLUMN attachment_sha256 text,
    ADD CHECK ((attachment_name IS NULL) = (attachment_sha256 IS NULL));
