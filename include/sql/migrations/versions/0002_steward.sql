-- validate ------------------------------------------------------------------------------------------------------
CREATE TABLE quality.failing_row (             -- of checks that quarantine nothing: the first rows to be put right
    validation_id bigint NOT NULL REFERENCES quality.validation,
    row_number    bigint NOT NULL,
    check_id      text   NOT NULL,
    part          text   NOT NULL,
    PRIMARY KEY (validation_id, row_number, check_id, part)
);
CREATE TABLE quality.waiver (                  -- a check that does not count for a delivery, once enough people said so
    waiver_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery_id bigint NOT NULL REFERENCES landing.delivery,
    check_id    text   NOT NULL,
    part        text   NOT NULL,
    people      integer NOT NULL CHECK (people IN (1, 2)),  -- a check that blocks needs two
    reason      text   NOT NULL CHECK (reason <> ''),
    expires_on  date   NOT NULL                -- the last day on which it holds
);
CREATE TABLE quality.waiver_consent (
    waiver_id    bigint NOT NULL REFERENCES quality.waiver,
    consented_by text   NOT NULL,
    display_name text   NOT NULL,
    login_user   text   NOT NULL,
    consented_on date   NOT NULL,
    consented_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (waiver_id, consented_by)
);
CREATE INDEX ON quality.waiver (delivery_id);
CREATE TABLE quality.acknowledgement (         -- somebody looks after a failed check of a delivery
    validation_id   bigint NOT NULL REFERENCES quality.validation,
    check_id        text   NOT NULL,
    part            text   NOT NULL,
    note            text   NOT NULL,
    acknowledged_by text   NOT NULL,
    display_name    text   NOT NULL,
    acknowledged_on date   NOT NULL,
    acknowledged_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (validation_id, check_id, part, acknowledged_by)
);
CREATE TABLE quality.row_view (                -- who was shown rows of a delivery
    row_view_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    validation_id bigint NOT NULL REFERENCES quality.validation,
    viewed_by     text   NOT NULL,
    display_name  text   NOT NULL,
    how           text   NOT NULL CHECK (how IN ('page', 'workbook')),
    row_count     bigint NOT NULL,
    viewed_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE quality.check_result ADD COLUMN waiver_id bigint REFERENCES quality.waiver;  -- under which a failure counted not
CREATE INDEX ON quality.check_result (check_id, part) WHERE outcome IN ('failed', 'error');
CREATE VIEW quality.waiver_state AS            -- in force: enough consents, and not after expires_on
    SELECT w.*, coalesce(c.given, 0) AS given, coalesce(c.given, 0) >= w.people AS agreed,
           CASE WHEN c.given >= w.people THEN c.last_on END AS agreed_on, coalesce(c.names, ARRAY[]::text[]) AS names,
           coalesce(c.users, ARRAY[]::text[]) AS users
    FROM quality.waiver w LEFT JOIN (
        SELECT waiver_id, count(*) AS given, max(consented_on) AS last_on,
               array_agg(display_name ORDER BY consented_at) AS names, array_agg(consented_by ORDER BY consented_at) AS users
        FROM quality.waiver_consent GROUP BY waiver_id
    ) c USING (waiver_id);

-- freeze --------------------------------------------------------------------------------------------------------
CREATE TABLE snapshot.start (                  -- the month-end began; the audit misses it where it did not
    month      text PRIMARY KEY,
    started_on date NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE snapshot.candidate ADD COLUMN shown text NOT NULL DEFAULT '';  -- the words that an answer's hash is of
ALTER TABLE snapshot.sign_off ADD COLUMN withheld jsonb NOT NULL DEFAULT '[]';  -- measures that no pack may show
ALTER TABLE snapshot.sign_off ADD CHECK (NOT accepted OR withheld = '[]' OR (answer = 'freeze' AND reason IS NOT NULL));
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
    WHERE v.place = 1 AND NOT v.removed AND NOT s.withheld ? regexp_replace(v.measure, '_rate$', '');

-- deliver -------------------------------------------------------------------------------------------------------
CREATE TABLE delivery.notice (                 -- an e-mail to the office's own people: no figure, no row
    notice_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    about     text NOT NULL,                   -- what it is about, once a recipient: a run, a deadline, a failure
    recipient text NOT NULL,
    mode      text NOT NULL CHECK (mode IN ('outbox', 'redirect', 'live')),
    sent_to   text NOT NULL,
    subject   text NOT NULL,
    words     text NOT NULL,
    queued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (about, recipient, mode)
);
CREATE TABLE delivery.notice_event (
    notice_event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    notice_id bigint NOT NULL REFERENCES delivery.notice,
    event     text   NOT NULL
        CHECK (event IN ('sending', 'accepted', 'refused temporary', 'refused', 'unknown')),
    detail    text   NOT NULL DEFAULT '',
    at        timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- who may do what -----------------------------------------------------------------------------------------------
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA quality, snapshot, delivery TO monthend_pipeline;
