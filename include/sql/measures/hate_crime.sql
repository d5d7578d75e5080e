-- Recorded crimes with the hate flag, as police_crime.sql counts crimes: a row each in total, and one for each of its
-- strands, of which there may be several.
-- Parameters: load (the sealed load number), areas (the declared districts).
WITH code AS MATERIALIZED (
    SELECT code, notifiable = 'Y' AND offence_group <> 'Fraud offences' AS counts,
           CASE WHEN row_number() OVER entries = 1 THEN '-infinity' ELSE valid_from END AS since,
           coalesce(lead(valid_from) OVER entries, 'infinity') AS until
    FROM reporting.offence_codes_at(:load)
    WINDOW entries AS (PARTITION BY code ORDER BY valid_from)
)
SELECT c.crime_ref AS key, area.area_code, to_char(c.recorded_at, 'YYYY-MM') AS month, strand.category
FROM reporting.police_crime_at(:load) c
JOIN code o ON o.code = c.ho_code AND c.recorded_at >= o.since AND c.recorded_at < o.until
JOIN landing.delivery d USING (delivery_id)
CROSS JOIN LATERAL (VALUES (d.area_code), (c.csp_code)) AS area(area_code)
CROSS JOIN LATERAL (
    SELECT '' AS category
    UNION SELECT btrim(name) FROM unnest(string_to_array(c.hate_strands, ';')) AS name WHERE btrim(name) <> ''
) AS strand
WHERE c.status = 'recorded' AND c.flag_hate = 'Y' AND o.counts
  AND (area.area_code = d.area_code OR area.area_code = ANY(:areas))
