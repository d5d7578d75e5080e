-- receive -------------------------------------------------------------------------------------------------------
CREATE TABLE landing.control_record (          -- what a sender says its extract holds, where it says so
    delivery_id bigint NOT NULL REFERENCES landing.delivery,
    sha256      text   NOT NULL,               -- of its bytes, which the landing store keeps
    origin      text   NOT NULL,
    modified_at text   NOT NULL,               -- the file's own time, as of a receipt
    received_on date   NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (delivery_id, origin, modified_at, sha256)
);

-- load ----------------------------------------------------------------------------------------------------------
-- Of a delivery of a keyed feed: how many keys it has that were not there before, that changed, that it has no more.
-- row_count and rows_sha256 are of the extract's rows, whatever of them is a new state.
ALTER TABLE reporting.load ADD COLUMN new_count bigint, ADD COLUMN changed_count bigint, ADD COLUMN gone_count bigint;
-- A keyed feed inserts the new state of a key that is new or changed, and a tombstone for one that its extract does
-- not hold any more: `vanished`, or `quarantined` where it does and the row was not let in.
CREATE TABLE reporting.police_crime (
    delivery_id          bigint NOT NULL,
    row_number           bigint,               -- of a tombstone: none
    removed              text CHECK (removed IN ('vanished', 'quarantined')),
    crime_ref            text COLLATE "C" NOT NULL,
    incident_ref         text,
    ho_code              text,
    ho_code_at_recording text,
    notifiable_flag      text,
    reported_at          timestamp,
    recorded_at          timestamp,
    committed_from       timestamp,
    committed_to         timestamp,
    status               text,
    status_at            timestamp,
    reclassified_at      timestamp,
    csp_code             text,
    beat_code            text,
    victim_pseudo_id     text,
    victim_age_band      text,
    victim_sex           text,
    victim_type          text,
    flag_da              text,
    flag_hate            text,
    hate_strands         text,
    flag_cse             text,
    flag_child_abuse     text,
    flag_alcohol         text,
    flag_drugs           text,
    flag_cyber           text,
    suspect_identified   text,
    PRIMARY KEY (crime_ref, delivery_id)
);
CREATE TABLE reporting.police_outcome (
    delivery_id     bigint NOT NULL,
    row_number      bigint,
    removed         text CHECK (removed IN ('vanished', 'quarantined')),
    crime_ref       text COLLATE "C" NOT NULL,
    outcome_type    text COLLATE "C" NOT NULL,
    outcome_at      timestamp NOT NULL,
    is_current      text,
    suspect_age     bigint,
    cps_referred    text,
    victim_supports text,
    other_agency    text,
    PRIMARY KEY (crime_ref, outcome_type, outcome_at, delivery_id)
);
CREATE TABLE reporting.police_cancelled (
    delivery_id        bigint NOT NULL,
    row_number         bigint,
    removed            text CHECK (removed IN ('vanished', 'quarantined')),
    crime_ref          text COLLATE "C" NOT NULL,
    action             text COLLATE "C" NOT NULL,
    reason_code        text,
    decided_at         timestamp NOT NULL,
    decided_by_role    text,
    avi_documented     text,
    victim_informed_at timestamp,
    receiving_force    text,
    PRIMARY KEY (crime_ref, action, decided_at, delivery_id)
);
CREATE TABLE reporting.police_incident (
    delivery_id             bigint NOT NULL,
    row_number              bigint,
    removed                 text CHECK (removed IN ('vanished', 'quarantined')),
    incident_ref            text COLLATE "C" NOT NULL,
    opened_at               timestamp,
    closed_at               timestamp,
    opening_code            text,
    closing_code            text,
    asb_qualifier           text,
    crime_ref               text,
    hate_incident           text,
    da_incident             text,
    csp_code                text,
    repeat_caller_pseudo_id text,
    PRIMARY KEY (incident_ref, delivery_id)
);
CREATE TABLE reporting.msg_comparator (
    delivery_id       bigint NOT NULL,
    row_number        bigint,
    removed           text CHECK (removed IN ('vanished', 'quarantined')),
    as_at             date,
    force_code        text COLLATE "C" NOT NULL,
    offence_key       text COLLATE "C" NOT NULL,
    month             text COLLATE "C" NOT NULL,
    count             bigint,
    denominator_type  text,
    denominator       bigint,
    rate              numeric,
    provisional       text,
    public_release_ok text,
    PRIMARY KEY (force_code, offence_key, month, delivery_id)
);
CREATE TABLE reporting.police_uk_outcomes (
    delivery_id  bigint NOT NULL,
    row_number   bigint NOT NULL,
    crime_id     text,
    month        text   NOT NULL,
    reported_by  text,
    falls_within text   NOT NULL,
    longitude    numeric,
    latitude     numeric,
    location     text,
    lsoa_code    text,
    lsoa_name    text,
    outcome_type text   NOT NULL,
    PRIMARY KEY (delivery_id, row_number)
);
CREATE TABLE reporting.offence_codes (
    delivery_id   bigint NOT NULL REFERENCES landing.delivery,
    row_number    bigint NOT NULL,
    code          text   NOT NULL,
    title         text   NOT NULL,
    subgroup      text   NOT NULL,
    offence_group text   NOT NULL,
    notifiable    text   NOT NULL,
    valid_from    date   NOT NULL,
    valid_to      date,
    PRIMARY KEY (delivery_id, row_number)
);
CREATE TABLE reporting.outcome_types (
    delivery_id   bigint NOT NULL REFERENCES landing.delivery,
    row_number    bigint NOT NULL,
    outcome_type  text   NOT NULL,
    title         text   NOT NULL,
    outcome_group text   NOT NULL,
    valid_from    date   NOT NULL,
    valid_to      date,
    suspect       text   NOT NULL,             -- whether one is needed: yes, no, either
    PRIMARY KEY (delivery_id, row_number)
);
CREATE FUNCTION reporting.offence_codes_at(as_of bigint) RETURNS SETOF reporting.offence_codes LANGUAGE sql STABLE AS $$
    SELECT r.* FROM reporting.offence_codes r JOIN reporting.current_delivery('offence_codes', as_of) USING (delivery_id)
$$;
CREATE FUNCTION reporting.outcome_types_at(as_of bigint) RETURNS SETOF reporting.outcome_types LANGUAGE sql STABLE AS $$
    SELECT r.* FROM reporting.outcome_types r JOIN reporting.current_delivery('outcome_types', as_of) USING (delivery_id)
$$;
-- For each keyed feed its state as of a load number (FEED_at: of each key the newest version, without tombstones), and
-- every version of every key with the load that brought it (FEED_history).
DO $$
DECLARE
    feed text;
    keys text;
BEGIN
    FOR feed, keys IN VALUES
        ('police_crime', 'crime_ref'),
        ('police_outcome', 'crime_ref, outcome_type, outcome_at'),
        ('police_cancelled', 'crime_ref, action, decided_at'),
        ('police_incident', 'incident_ref'),
        ('msg_comparator', 'force_code, offence_key, month')
    LOOP
        -- a tombstone has no row number; `removed IS NULL` would be thought rare where there are no statistics yet
        EXECUTE 'CREATE FUNCTION reporting.' || feed || '_at(as_of bigint) RETURNS SETOF reporting.' || feed
            || ' LANGUAGE sql STABLE AS $f$ SELECT state.* FROM (SELECT DISTINCT ON (' || keys || ') v.*'
            || ' FROM reporting.' || feed || ' v JOIN reporting.load l USING (delivery_id)'
            || ' WHERE l.load_number <= as_of ORDER BY ' || keys || ', l.load_number DESC) state'
            || ' WHERE state.row_number > 0 $f$';
        EXECUTE 'CREATE VIEW reporting.' || feed || '_history AS SELECT l.load_number, d.period, r.*'
            || ' FROM reporting.' || feed || ' r JOIN reporting.load l USING (delivery_id)'
            || ' JOIN landing.delivery d USING (delivery_id)';
    END LOOP;
END
$$;

-- freeze --------------------------------------------------------------------------------------------------------
CREATE TABLE quality.integrity (               -- one run of the cross-feed checks, against a load number
    integrity_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    month        text   NOT NULL,
    load_number  bigint NOT NULL,
    before       bigint NOT NULL,              -- the load number of the snapshot that changes are read against; 0: none
    rules_sha256 text   NOT NULL,
    checked_on   date   NOT NULL,
    checked_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (month, load_number, before, rules_sha256)
);
CREATE TABLE quality.integrity_result (
    integrity_id     bigint NOT NULL REFERENCES quality.integrity,
    check_id         text   NOT NULL,
    part             text   NOT NULL,
    feed             text   NOT NULL,          -- whose owner looks at it
    delivery_id      bigint REFERENCES landing.delivery,  -- that feed's newest: what a waiver is of
    description      text   NOT NULL,
    action           text   NOT NULL CHECK (action IN ('block_feed', 'warn', 'info')),
    outcome          text   NOT NULL CHECK (outcome IN ('passed', 'failed', 'error', 'not run')),
    unexpected_count bigint,
    detail           text   NOT NULL,
    PRIMARY KEY (integrity_id, check_id, part)
);
CREATE TABLE quality.integrity_key (           -- what fails: references, areas, months; never another value
    integrity_id bigint NOT NULL,
    check_id     text   NOT NULL,
    part         text   NOT NULL,
    key          text   NOT NULL,
    PRIMARY KEY (integrity_id, check_id, part, key),
    FOREIGN KEY (integrity_id, check_id, part) REFERENCES quality.integrity_result
);
ALTER TABLE snapshot.candidate ADD COLUMN integrity_id bigint REFERENCES quality.integrity;
CREATE TABLE snapshot.revision (               -- why a count differs from the parent's, in whole numbers
    candidate_id bigint NOT NULL REFERENCES snapshot.candidate,
    measure      text COLLATE "C" NOT NULL,
    area_code    text COLLATE "C" NOT NULL,
    period       text COLLATE "C" NOT NULL,    -- a month
    category     text COLLATE "C" NOT NULL,
    cause        text COLLATE "C" NOT NULL,
    difference   bigint NOT NULL CHECK (difference <> 0),
    PRIMARY KEY (candidate_id, measure, area_code, period, category, cause)
);
CREATE OR REPLACE VIEW snapshot.current_fact AS
    SELECT s.month AS month_end, s.revision, s.digest, v.measure, v.basis, v.area_code, v.period, v.breakdown,
           v.category, v.value, v.numerator, v.denominator, v.lower, v.upper, v.mark,
           v.position = s.position AND NOT v.parent_removed AND v.parent_value <> v.value IS TRUE AS revised
    FROM (
        SELECT s.*, o.withheld FROM snapshot.snapshot s JOIN snapshot.sign_off o USING (sign_off_id)
        ORDER BY s.position DESC LIMIT 1
    ) s
    CROSS JOIN (
        SELECT f.*, c.position,
               row_number() OVER nearest AS place,
               lead(f.value) OVER nearest AS parent_value,
               coalesce(lead(f.removed) OVER nearest, true) AS parent_removed
        FROM snapshot.snapshot c JOIN snapshot.fact f USING (candidate_id)
        WINDOW nearest AS (PARTITION BY f.measure, f.basis, f.area_code, f.period, f.breakdown, f.category
                           ORDER BY c.position DESC)
    ) v
    WHERE v.place = 1 AND NOT v.removed AND NOT s.withheld ? regexp_replace(v.measure, '_(rate|share)$', '');

-- who may do what -----------------------------------------------------------------------------------------------
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA landing, quality, reporting, snapshot TO monthend_pipeline;
GRANT SELECT, DELETE ON reporting.police_crime, reporting.police_outcome, reporting.police_cancelled,
    reporting.police_incident, reporting.police_uk_outcomes TO monthend_retention;
