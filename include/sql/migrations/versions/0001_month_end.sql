-- One schema a station. Everything is inserted: a state is the latest event.
CREATE SCHEMA landing;
CREATE SCHEMA quality;
CREATE SCHEMA reporting;
CREATE SCHEMA snapshot;
CREATE SCHEMA pack;
CREATE SCHEMA delivery;

-- receive -------------------------------------------------------------------------------------------------------
CREATE TABLE landing.delivery (
    delivery_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feed        text   NOT NULL,
    period      text   NOT NULL,               -- YYYY-MM; empty for a feed without periods
    area_code   text   NOT NULL,               -- empty for a feed without areas
    sha256      text   NOT NULL,
    byte_length bigint NOT NULL,
    UNIQUE (feed, period, area_code, sha256)
);
CREATE TABLE landing.receipt (
    receipt_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery_id bigint NOT NULL REFERENCES landing.delivery,
    origin      text   NOT NULL,               -- path, or path!member inside a zip
    modified_at text   NOT NULL,               -- the file's own time: the same file seen twice is one arrival
    received_by text   NOT NULL,
    received_on date   NOT NULL,               -- business date
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (delivery_id, origin, modified_at)
);
CREATE TABLE landing.refusal (
    refusal_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    origin      text NOT NULL,
    sha256      text NOT NULL,
    reason      text NOT NULL,
    received_by text NOT NULL,
    received_on date NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (origin, sha256)
);

-- validate ------------------------------------------------------------------------------------------------------
CREATE TABLE quality.validation (
    validation_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery_id       bigint NOT NULL REFERENCES landing.delivery,
    rules_sha256      text   NOT NULL,         -- feed, suite and reference values the delivery was held against
    verdict           text   NOT NULL CHECK (verdict IN ('passed', 'warned', 'quarantined', 'blocked')),
    row_count         bigint,                  -- unknown when the file could not be read as rows
    quarantined_count bigint NOT NULL,
    validated_on      date   NOT NULL,
    validated_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (delivery_id, rules_sha256)
);
CREATE TABLE quality.check_result (
    validation_id    bigint NOT NULL REFERENCES quality.validation,
    check_id         text   NOT NULL,
    part             text   NOT NULL,          -- a check of several expectations has a part for each
    description      text   NOT NULL,
    action           text   NOT NULL CHECK (action IN ('block_feed', 'quarantine_row', 'warn', 'info')),
    outcome          text   NOT NULL CHECK (outcome IN ('passed', 'failed', 'error', 'not run')),
    element_count    bigint,
    unexpected_count bigint,
    detail           text   NOT NULL,          -- counts, columns and row numbers; never a value
    PRIMARY KEY (validation_id, check_id, part)
);
CREATE TABLE quality.quarantined_row (
    validation_id bigint NOT NULL REFERENCES quality.validation,
    row_number    bigint NOT NULL,             -- the row in the delivery's own bytes, 1 = the first after the headings
    check_id      text   NOT NULL,
    part          text   NOT NULL,
    PRIMARY KEY (validation_id, row_number, check_id, part)
);

-- load ----------------------------------------------------------------------------------------------------------
CREATE TABLE reporting.load (
    load_number   bigint PRIMARY KEY,          -- given under the load lock: what is at or below a number is complete
    delivery_id   bigint NOT NULL UNIQUE REFERENCES landing.delivery,
    validation_id bigint NOT NULL REFERENCES quality.validation,
    row_count     bigint NOT NULL,
    rows_sha256   text   NOT NULL,
    loaded_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE reporting.police_uk_street (
    delivery_id           bigint NOT NULL,     -- no key to landing, which would be looked up for every row of a COPY:
                                               -- the load, inserted in the same transaction, has it
    row_number            bigint NOT NULL,
    crime_id              text,
    month                 text   NOT NULL,
    reported_by           text,
    falls_within          text   NOT NULL,
    longitude             numeric,
    latitude              numeric,
    location              text,
    lsoa_code             text,
    lsoa_name             text,
    crime_type            text   NOT NULL,
    last_outcome_category text,
    context               text,
    PRIMARY KEY (delivery_id, row_number)
);
CREATE TABLE reporting.areas (
    delivery_id  bigint NOT NULL REFERENCES landing.delivery,
    row_number   bigint NOT NULL,
    area_code    text   NOT NULL,
    area_name    text   NOT NULL,
    parent_code  text,
    falls_within text,
    PRIMARY KEY (delivery_id, row_number)
);
CREATE TABLE reporting.residents (
    delivery_id bigint NOT NULL REFERENCES landing.delivery,
    row_number  bigint NOT NULL,
    area_code   text   NOT NULL,
    as_at       date   NOT NULL,
    population  text   NOT NULL,               -- how a pack names it: "2011 Census residents"
    residents   bigint NOT NULL,
    PRIMARY KEY (delivery_id, row_number)
);
CREATE TABLE reporting.lsoa_exact_fit (
    delivery_id   bigint NOT NULL REFERENCES landing.delivery,
    row_number    bigint NOT NULL,
    lsoa_2011     text   NOT NULL,
    lsoa_2011_name text,
    lsoa_2021     text   NOT NULL,
    lsoa_2021_name text,
    change        text,
    district_code text   NOT NULL,
    district_name text,
    PRIMARY KEY (delivery_id, row_number)
);

-- The newest delivery of each partition of a feed, as of a load number: the one rule for what is current.
CREATE FUNCTION reporting.current_delivery(feed_name text, as_of bigint)
RETURNS TABLE (delivery_id bigint, period text, area_code text, load_number bigint)
LANGUAGE sql STABLE AS $$
    SELECT DISTINCT ON (d.period, d.area_code) d.delivery_id, d.period, d.area_code, l.load_number
    FROM reporting.load l JOIN landing.delivery d USING (delivery_id)
    WHERE d.feed = feed_name AND l.load_number <= as_of
    ORDER BY d.period, d.area_code, l.load_number DESC
$$;
CREATE FUNCTION reporting.areas_at(as_of bigint) RETURNS SETOF reporting.areas LANGUAGE sql STABLE AS $$
    SELECT r.* FROM reporting.areas r JOIN reporting.current_delivery('areas', as_of) USING (delivery_id)
$$;
CREATE FUNCTION reporting.residents_at(as_of bigint) RETURNS SETOF reporting.residents LANGUAGE sql STABLE AS $$
    SELECT r.* FROM reporting.residents r JOIN reporting.current_delivery('residents', as_of) USING (delivery_id)
$$;
-- Which district an LSOA code lies in, for codes of either vintage; four codes in England lie in two and are left out.
CREATE FUNCTION reporting.lsoa_district_at(as_of bigint) RETURNS TABLE (lsoa_code text, district_code text)
LANGUAGE sql STABLE AS $$
    SELECT code, min(r.district_code)
    FROM reporting.lsoa_exact_fit r
    JOIN reporting.current_delivery('lsoa_exact_fit', as_of) USING (delivery_id)
    CROSS JOIN LATERAL unnest(ARRAY[r.lsoa_2011, r.lsoa_2021]) AS code
    GROUP BY code
    HAVING count(DISTINCT r.district_code) = 1
$$;

-- freeze --------------------------------------------------------------------------------------------------------
CREATE TABLE snapshot.candidate (
    candidate_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    month        text   NOT NULL CHECK (month ~ '^\d{4}-(0[1-9]|1[0-2])$'),
    revision     integer NOT NULL CHECK (revision > 0),
    parent_id    bigint REFERENCES snapshot.candidate,
    load_number  bigint NOT NULL,
    digest       text   NOT NULL,
    manifest     jsonb  NOT NULL,
    facts_sha256 text   NOT NULL,
    readiness    jsonb  NOT NULL,              -- what is in, late, missing, warned: what the steward is shown
    reason       text,                         -- of a restatement
    proposed_on  date   NOT NULL,
    proposed_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE snapshot.fact (                   -- only what differs from the parent candidate's
    candidate_id bigint NOT NULL REFERENCES snapshot.candidate,
    measure      text COLLATE "C" NOT NULL,
    basis        text COLLATE "C" NOT NULL CHECK (basis IN ('month', 'quarter', 'r12', 'fytd', 'reported')),
    area_code    text COLLATE "C" NOT NULL,
    period       text COLLATE "C" NOT NULL,
    breakdown    text COLLATE "C" NOT NULL DEFAULT '',
    category     text COLLATE "C" NOT NULL DEFAULT '',
    value        numeric,
    numerator    numeric,
    denominator  numeric,
    lower        numeric,
    upper        numeric,
    mark         text NOT NULL DEFAULT '' CHECK (mark ~ '^[xbeu]?( [xbeu])*$'),
    removed      boolean NOT NULL DEFAULT false,
    PRIMARY KEY (candidate_id, measure, basis, area_code, period, breakdown, category),
    CHECK (value IS NOT NULL OR mark <> '' OR removed)  -- missing is never without its mark
);
CREATE TABLE snapshot.sign_off (               -- every answer is kept; only an authorised one is accepted
    sign_off_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    candidate_id bigint NOT NULL REFERENCES snapshot.candidate,
    answer       text   NOT NULL CHECK (answer IN ('freeze', 'postpone', 'refuse')),
    signed_by    text   NOT NULL,
    display_name text   NOT NULL,
    shown_sha256 text   NOT NULL,
    missing      jsonb  NOT NULL,              -- what was named as missing when the answer was given
    reason       text,
    until        date,
    channel      text   NOT NULL CHECK (channel IN ('command line', 'airflow')),
    login_user   text   NOT NULL,
    accepted     boolean NOT NULL,
    refusal      text,
    signed_on    date   NOT NULL,
    signed_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (accepted = (refusal IS NULL)),
    CHECK (NOT accepted OR answer <> 'postpone' OR (until IS NOT NULL AND reason IS NOT NULL)),
    CHECK (NOT accepted OR answer <> 'refuse' OR reason IS NOT NULL)
);
CREATE UNIQUE INDEX sign_off_answered_once ON snapshot.sign_off (candidate_id) WHERE accepted;
CREATE TABLE snapshot.snapshot (               -- the chain
    position      integer PRIMARY KEY CHECK (position > 0),
    month         text    NOT NULL,
    revision      integer NOT NULL,
    candidate_id  bigint  NOT NULL UNIQUE REFERENCES snapshot.candidate,
    sign_off_id   bigint  NOT NULL UNIQUE REFERENCES snapshot.sign_off,
    digest        text    NOT NULL,
    previous_seal text    NOT NULL,            -- empty for the first
    seal          text    NOT NULL UNIQUE,
    frozen_on     date    NOT NULL,
    frozen_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (month, revision)
);

-- The full set of facts of a candidate: of each key the version nearest in its line of parents.
CREATE FUNCTION snapshot.fact_at(candidate bigint)
RETURNS TABLE (measure text, basis text, area_code text, period text, breakdown text, category text, value numeric,
               numerator numeric, denominator numeric, lower numeric, upper numeric, mark text, revised boolean)
LANGUAGE sql STABLE AS $$
    WITH RECURSIVE lineage AS (
        SELECT c.candidate_id, c.parent_id, 0 AS depth FROM snapshot.candidate c WHERE c.candidate_id = candidate
        UNION ALL
        SELECT c.candidate_id, c.parent_id, l.depth + 1
        FROM lineage l JOIN snapshot.candidate c ON c.candidate_id = l.parent_id
    ), version AS (
        SELECT f.*, l.depth,
               row_number() OVER nearest AS place,
               lead(f.value) OVER nearest AS parent_value,
               coalesce(lead(f.removed) OVER nearest, true) AS parent_removed
        FROM lineage l JOIN snapshot.fact f USING (candidate_id)
        WINDOW nearest AS (PARTITION BY f.measure, f.basis, f.area_code, f.period, f.breakdown, f.category
                           ORDER BY l.depth)
    )
    SELECT v.measure, v.basis, v.area_code, v.period, v.breakdown, v.category, v.value, v.numerator, v.denominator,
           v.lower, v.upper, v.mark,
           v.depth = 0 AND NOT v.parent_removed AND v.parent_value <> v.value IS TRUE
    FROM version v WHERE v.place = 1 AND NOT v.removed
$$;
-- For readers: the facts of the newest snapshot, as fact_at gives them. A function would run with the reader's rights.
CREATE VIEW snapshot.current_fact AS
    SELECT s.month AS month_end, s.revision, s.digest, v.measure, v.basis, v.area_code, v.period, v.breakdown,
           v.category, v.value, v.numerator, v.denominator, v.lower, v.upper, v.mark,
           v.position = s.position AND NOT v.parent_removed AND v.parent_value <> v.value IS TRUE AS revised
    FROM (SELECT * FROM snapshot.snapshot ORDER BY position DESC LIMIT 1) s
    CROSS JOIN (
        SELECT f.*, c.position,
               row_number() OVER nearest AS place,
               lead(f.value) OVER nearest AS parent_value,
               coalesce(lead(f.removed) OVER nearest, true) AS parent_removed
        FROM snapshot.snapshot c JOIN snapshot.fact f USING (candidate_id)
        WINDOW nearest AS (PARTITION BY f.measure, f.basis, f.area_code, f.period, f.breakdown, f.category
                           ORDER BY c.position DESC)
    ) v
    WHERE v.place = 1 AND NOT v.removed;

-- publish -------------------------------------------------------------------------------------------------------
CREATE TABLE pack.build (
    build_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pack_id        text    NOT NULL,           -- hash of digest, revision, board, rendering, meeting
    position       integer NOT NULL REFERENCES snapshot.snapshot,
    board          text    NOT NULL,
    rendering      text    NOT NULL CHECK (rendering IN ('board', 'published')),
    meeting        date,
    audience       text    NOT NULL,
    marking        text    NOT NULL,
    file_name      text    NOT NULL,
    content_sha256 text    NOT NULL,           -- of the workbook's uncompressed parts
    built_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (pack_id, content_sha256)
);
CREATE TABLE pack.entry (                      -- the passport of every number in a pack
    build_id       bigint  NOT NULL REFERENCES pack.build,
    table_name     text    NOT NULL,
    row_label      text    NOT NULL,
    column_number  integer NOT NULL,
    column_heading text    NOT NULL,
    sheet          text    NOT NULL,
    cell           text    NOT NULL,
    kind           text    NOT NULL CHECK (kind IN ('fact', 'derived', 'check', 'delivery', 'text')),
    reference      text    NOT NULL,
    shown          text,                       -- what the cell held when it was built; nothing for a suppressed one
    PRIMARY KEY (build_id, table_name, row_label, column_number)
);
CREATE TABLE pack.answer (                     -- a releaser's answer to a list of packs; every answer is kept
    answer_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    position     integer NOT NULL REFERENCES snapshot.snapshot,
    answer       text    NOT NULL CHECK (answer IN ('release', 'refuse')),
    answered_by  text    NOT NULL,
    display_name text    NOT NULL,
    shown_sha256 text    NOT NULL,
    reason       text,
    channel      text    NOT NULL CHECK (channel IN ('command line', 'airflow')),
    login_user   text    NOT NULL,
    accepted     boolean NOT NULL,
    refusal      text,
    answered_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (accepted = (refusal IS NULL))
);
CREATE TABLE pack.release (
    build_id  bigint NOT NULL PRIMARY KEY REFERENCES pack.build,
    pack_id   text   NOT NULL UNIQUE,          -- a pack is released once, in one build
    answer_id bigint NOT NULL REFERENCES pack.answer
);
CREATE TABLE pack.hold (
    answer_id bigint NOT NULL REFERENCES pack.answer,
    build_id  bigint NOT NULL REFERENCES pack.build,
    PRIMARY KEY (answer_id, build_id)
);

-- deliver -------------------------------------------------------------------------------------------------------
CREATE TABLE delivery.arming (
    arming_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    environment       text NOT NULL,
    system_identifier text NOT NULL,           -- a copy of the warehouse has another cluster or another name
    database_name     text NOT NULL,
    reason            text NOT NULL,
    armed_by          text NOT NULL,
    armed_at          timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE delivery.message (
    message_id  bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pack_id     text    NOT NULL REFERENCES pack.release (pack_id),
    recipient   text    NOT NULL,
    mode        text    NOT NULL CHECK (mode IN ('outbox', 'redirect', 'live')),
    attempt     integer NOT NULL CHECK (attempt > 0),
    sent_to     text    NOT NULL,              -- the address on the envelope: the recipient, or the redirect's
    queued_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (pack_id, recipient, mode, attempt)
);
CREATE TABLE delivery.event (
    event_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id bigint NOT NULL REFERENCES delivery.message,
    event      text   NOT NULL
        CHECK (event IN ('queued', 'sending', 'accepted', 'refused temporary', 'refused', 'unknown')),
    detail     text   NOT NULL DEFAULT '',
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (message_id, event)                 -- so two processes can never both be sending
);
CREATE VIEW delivery.message_state AS
    SELECT DISTINCT ON (m.message_id) m.*, e.event AS state, e.detail, e.at
    FROM delivery.message m JOIN delivery.event e USING (message_id)
    ORDER BY m.message_id, e.event_id DESC;

-- who may do what -----------------------------------------------------------------------------------------------
GRANT USAGE ON SCHEMA landing, quality, reporting, snapshot, pack, delivery TO monthend_pipeline;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA landing, quality, reporting, snapshot, pack, delivery TO monthend_pipeline;
GRANT SELECT ON public.alembic_version TO monthend_pipeline;
GRANT USAGE ON SCHEMA snapshot TO monthend_reader;
GRANT SELECT ON snapshot.current_fact TO monthend_reader;
GRANT USAGE ON SCHEMA reporting TO monthend_retention;
GRANT SELECT, DELETE ON reporting.police_uk_street TO monthend_retention;
