-- The outcomes assigned in a month, whenever the crimes were recorded: the current outcome of each crime that
-- police_crime.sql counts, a row in total and one for its type.
-- Parameters: load (the sealed load number), areas (the declared districts).
WITH code AS MATERIALIZED (
    SELECT code, notifiable = 'Y' AND offence_group <> 'Fraud offences' AS counts,
           CASE WHEN row_number() OVER entries = 1 THEN '-infinity' ELSE valid_from END AS since,
           coalesce(lead(valid_from) OVER entries, 'infinity') AS until
    FROM reporting.offence_codes_at(:load)
    WINDOW entries AS (PARTITION BY code ORDER BY valid_from)
), current_outcome AS MATERIALIZED (
    SELECT crime_ref, outcome_type, outcome_at FROM reporting.police_outcome_at(:load) WHERE is_current = 'Y'
)
SELECT c.crime_ref AS key, area.area_code, to_char(t.outcome_at, 'YYYY-MM') AS month, assigned.category
FROM reporting.police_crime_at(:load) c
JOIN code o ON o.code = c.ho_code AND c.recorded_at >= o.since AND c.recorded_at < o.until
JOIN landing.delivery d USING (delivery_id)
JOIN current_outcome t ON t.crime_ref = c.crime_ref
CROSS JOIN LATERAL (VALUES (d.area_code), (c.csp_code)) AS area(area_code)
CROSS JOIN LATERAL (VALUES (''), (t.outcome_type)) AS assigned(category)
WHERE c.status = 'recorded' AND o.counts AND (area.area_code = d.area_code OR area.area_code = ANY(:areas))
