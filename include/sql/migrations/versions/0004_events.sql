CREATE TABLE reporting.events (
    delivery_id bigint NOT NULL REFERENCES landing.delivery,
    row_number  bigint NOT NULL,
    event       text   NOT NULL,
    title       text   NOT NULL,
    from_date   date   NOT NULL,
    to_date     date,                          -- none: one day
    area_code   text,                          -- none: everywhere
    measures    text,                          -- keys with a semicolon between; none: all
    source      text   NOT NULL,
    PRIMARY KEY (delivery_id, row_number)
);
CREATE FUNCTION reporting.events_at(as_of bigint) RETURNS SETOF reporting.events LANGUAGE sql STABLE AS $$
    SELECT r.* FROM reporting.events r JOIN reporting.current_delivery('events', as_of) USING (delivery_id)
$$;
GRANT SELECT, INSERT ON reporting.events TO monthend_pipeline;
