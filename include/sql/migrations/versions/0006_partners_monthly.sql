-- Partners' monthly feeds: missing people, detentions under section 136.

CREATE TABLE reporting.missing_person (
    delivery_id      bigint NOT NULL REFERENCES landing.delivery,
    row_number       bigint NOT NULL,
    report_ref       text NOT NULL,
    person_pseudo_id text NOT NULL,
    reported_at      timestamp NOT NULL,
    found_at         timestamp,
    category         text NOT NULL,
    risk             text,
    age_band         text,
    care_status      text,
    csp_code         text,
    PRIMARY KEY (delivery_id, row_number)
);
CREATE TABLE reporting.mental_health (
    delivery_id     bigint NOT NULL REFERENCES landing.delivery,
    row_number      bigint NOT NULL,
    period          text NOT NULL,
    source          text NOT NULL,
    s136_total      integer NOT NULL,
    to_custody      integer NOT NULL,
    to_health       integer NOT NULL,
    other           integer NOT NULL,
    under18_custody integer NOT NULL,
    PRIMARY KEY (delivery_id, row_number)
);
GRANT SELECT, INSERT ON reporting.missing_person, reporting.mental_health TO monthend_pipeline;
GRANT SELECT, DELETE ON reporting.missing_person, reporting.mental_health TO monthend_retention;
