-- Partners' aggregates, surveys, savings and words: of each feed a table and, as of a load number, the rows of its current
-- deliveries with the period and the area (`sender`) of the delivery that brought them.

CREATE TABLE reporting.yos_return (
    delivery_id  bigint NOT NULL REFERENCES landing.delivery,
    row_number   bigint NOT NULL,
    yos          text NOT NULL,
    period       text NOT NULL,
    fte_count    integer NOT NULL,
    pop_10_17    integer NOT NULL,
    pop_year     integer NOT NULL,
    fte_rate     numeric NOT NULL,
    cohort_start date NOT NULL,
    cohort_end   date NOT NULL,
    followup_end date NOT NULL,
    cohort_n     integer NOT NULL,
    reoffenders  integer NOT NULL,
    reoffences   integer NOT NULL,
    PRIMARY KEY (delivery_id, row_number)
);
CREATE TABLE reporting.probation_iom (
    delivery_id       bigint NOT NULL REFERENCES landing.delivery,
    row_number        bigint NOT NULL,
    area              text NOT NULL,
    period            text NOT NULL,
    cohort_id         text NOT NULL,
    cohort_n          integer NOT NULL,
    entrants          integer NOT NULL,
    leavers           integer NOT NULL,
    baseline_offences integer NOT NULL,
    period_offences   integer NOT NULL,
    months_at_liberty integer NOT NULL,
    PRIMARY KEY (delivery_id, row_number)
);
CREATE TABLE reporting.substance_misuse (
    delivery_id  bigint NOT NULL REFERENCES landing.delivery,
    row_number   bigint NOT NULL,
    area         text NOT NULL,
    period       text NOT NULL,
    substance    text NOT NULL,
    window_start date NOT NULL,
    window_end   date NOT NULL,
    in_treatment integer NOT NULL,
    completed    integer NOT NULL,
    re_presented integer NOT NULL,
    PRIMARY KEY (delivery_id, row_number)
);
CREATE TABLE reporting.troubled_families (
    delivery_id       bigint NOT NULL REFERENCES landing.delivery,
    row_number        bigint NOT NULL,
    authority         text NOT NULL,
    period            text NOT NULL,
    identified        integer NOT NULL,
    engaged           integer NOT NULL,
    outcome_crime_asb integer NOT NULL,
    outcome_education integer NOT NULL,
    outcome_work      integer NOT NULL,
    PRIMARY KEY (delivery_id, row_number)
);
CREATE TABLE reporting.da_partnership (
    delivery_id     bigint NOT NULL REFERENCES landing.delivery,
    row_number      bigint NOT NULL,
    area            text NOT NULL,
    period          text NOT NULL,
    cases           integer NOT NULL,
    repeats         integer NOT NULL,
    children        integer NOT NULL,
    adult_women_pop integer NOT NULL,
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
    q_contact      integer,
    q_actions      integer,
    q_followup     integer,
    q_treatment    integer,
    q_whole        integer,
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
    base_unweighted integer NOT NULL,
    value           numeric NOT NULL,
    design_effect   numeric NOT NULL,
    csp_code        text,
    PRIMARY KEY (delivery_id, row_number)
);
CREATE TABLE reporting.savings (
    delivery_id bigint NOT NULL REFERENCES landing.delivery,
    row_number  bigint NOT NULL,
    scheme_id   text NOT NULL,
    year        text NOT NULL,
    required    integer NOT NULL,
    identified  integer NOT NULL,
    delivered   integer NOT NULL,
    recurring   text,
    cashable    text,
    as_at       date NOT NULL,
    PRIMARY KEY (delivery_id, row_number)
);
CREATE TABLE reporting.safeguarding_children (
    delivery_id     bigint NOT NULL REFERENCES landing.delivery,
    row_number      bigint NOT NULL,
    area            text NOT NULL,
    item_code       text NOT NULL,
    period          text NOT NULL,
    value           integer,
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
    value           integer,
    narrative       text,
    assurance_level text,
    PRIMARY KEY (delivery_id, row_number)
);
CREATE TABLE reporting.narrative (
    delivery_id bigint NOT NULL REFERENCES landing.delivery,
    row_number  bigint NOT NULL,
    period      text NOT NULL,
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
        'yos_return', 'probation_iom', 'substance_misuse', 'troubled_families',
        'da_partnership', 'survey_victim', 'survey_confidence', 'savings',
        'safeguarding_children', 'safeguarding_adults', 'narrative']
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
