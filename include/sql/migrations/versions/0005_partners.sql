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

CREATE TABLE reporting.yos_return (
    delivery_id  bigint NOT NULL REFERENCES landing.delivery,
    row_number   bigint NOT NULL,
    yos          text NOT NULL,
    period       text NOT NULL,
    fte_count    bigint,
    pop_10_17    bigint,
    pop_year     bigint,
    fte_rate     numeric,
    cohort_start date,
    cohort_end   date,
    followup_end date,
    cohort_n     bigint,
    reoffenders  bigint,
    reoffences   bigint,
    PRIMARY KEY (delivery_id, row_number)
);

CREATE TABLE reporting.probation_iom (
    delivery_id       bigint NOT NULL REFERENCES landing.delivery,
    row_number        bigint NOT NULL,
    area              text NOT NULL,
    cohort_id         text NOT NULL,
    cohort_start      date NOT NULL,
    cohort_end        date NOT NULL,
    cohort_n          bigint NOT NULL,
    entrants          bigint,
    leavers           bigint,
    baseline_offences bigint,
    period_offences   bigint,
    months_at_liberty bigint,
    PRIMARY KEY (delivery_id, row_number)
);

CREATE TABLE reporting.substance_misuse (
    delivery_id  bigint NOT NULL REFERENCES landing.delivery,
    row_number   bigint NOT NULL,
    area         text NOT NULL,
    substance    text NOT NULL,
    window_start date NOT NULL,
    window_end   date NOT NULL,
    in_treatment bigint,
    completed    bigint,
    re_presented bigint,
    PRIMARY KEY (delivery_id, row_number)
);

CREATE TABLE reporting.troubled_families (
    delivery_id       bigint NOT NULL REFERENCES landing.delivery,
    row_number        bigint NOT NULL,
    authority         text NOT NULL,
    period            text NOT NULL,
    identified        bigint,
    engaged           bigint,
    outcome_crime_asb bigint,
    outcome_education bigint,
    outcome_work      bigint,
    PRIMARY KEY (delivery_id, row_number)
);

CREATE TABLE reporting.da_partnership (
    delivery_id     bigint NOT NULL REFERENCES landing.delivery,
    row_number      bigint NOT NULL,
    area            text NOT NULL,
    period          text NOT NULL,
    cases           bigint,
    repeats         bigint,
    children        bigint,
    adult_women_pop bigint,
    PRIMARY KEY (delivery_id, row_number)
);

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
    location_type    text,
    csp_code         text,
    PRIMARY KEY (delivery_id, row_number)
);

CREATE TABLE reporting.mental_health (
    delivery_id     bigint NOT NULL REFERENCES landing.delivery,
    row_number      bigint NOT NULL,
    period          text NOT NULL,
    source          text NOT NULL,
    s136_total      bigint,
    to_custody      bigint,
    to_health       bigint,
    other           bigint,
    under18_custody bigint,
    PRIMARY KEY (delivery_id, row_number)
);

CREATE TABLE reporting.survey_victim (
    delivery_id    bigint NOT NULL REFERENCES landing.delivery,
    row_number     bigint NOT NULL,
    respondent_id  text NOT NULL,
    wave           text NOT NULL,
    incident_month text NOT NULL,
    interview_date date,
    victim_group   text NOT NULL,
    q_contact      bigint,
    q_actions      bigint,
    q_followup     bigint,
    q_treatment    bigint,
    q_whole        bigint,
    csp_code       text,
    weight         numeric,
    disposition    text NOT NULL,
    PRIMARY KEY (delivery_id, row_number)
);

CREATE TABLE reporting.survey_confidence (
    delivery_id     bigint NOT NULL REFERENCES landing.delivery,
    row_number      bigint NOT NULL,
    wave            text NOT NULL,
    question_id     text NOT NULL,
    question_text   text NOT NULL,
    base_unweighted bigint NOT NULL,
    value           numeric,
    design_effect   numeric NOT NULL,
    csp_code        text,
    PRIMARY KEY (delivery_id, row_number)
);

CREATE TABLE reporting.safeguarding_children (
    delivery_id     bigint NOT NULL REFERENCES landing.delivery,
    row_number      bigint NOT NULL,
    area            text NOT NULL,
    item_code       text NOT NULL,
    period          text NOT NULL,
    value           numeric,
    narrative       text,
    assurance_level text,
    PRIMARY KEY (delivery_id, row_number)
);

CREATE TABLE reporting.safeguarding_adults (
    delivery_id     bigint NOT NULL REFERENCES landing.delivery,
    row_number      bigint NOT NULL,
    area            text NOT NULL,
    item_code       text NOT NULL,
    period          text NOT NULL,
    value           numeric,
    narrative       text,
    assurance_level text,
    PRIMARY KEY (delivery_id, row_number)
);

CREATE TABLE reporting.savings (
    delivery_id         bigint NOT NULL REFERENCES landing.delivery,
    row_number          bigint NOT NULL,
    scheme_id           text NOT NULL,
    year                text NOT NULL,
    required            bigint,
    identified          bigint,
    delivered_before    bigint,
    delivered_in_period bigint,
    delivered           bigint,
    unit                text NOT NULL,
    recurring           text NOT NULL,
    cashable            text NOT NULL,
    as_at               date NOT NULL,
    PRIMARY KEY (delivery_id, row_number)
);

CREATE TABLE reporting.narrative (
    delivery_id bigint NOT NULL REFERENCES landing.delivery,
    row_number  bigint NOT NULL,
    sp          text NOT NULL,
    measure     text,
    board       text NOT NULL,
    text        text NOT NULL,
    author_role text NOT NULL,
    written_on  date NOT NULL,
    PRIMARY KEY (delivery_id, row_number)
);

DO $$
DECLARE
    feed text;
    columns text;
BEGIN
    FOREACH feed IN ARRAY ARRAY[
        'csp_return', 'yos_return', 'probation_iom', 'substance_misuse',
        'troubled_families', 'da_partnership', 'missing_person', 'mental_health',
        'survey_victim', 'survey_confidence', 'safeguarding_children', 'safeguarding_adults',
        'savings', 'narrative'
    ]
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
