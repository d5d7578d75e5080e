-- Recorded crimes, a row each for the force and for its district: status recorded, notifiable and not fraud (since
-- 2013 counted by Action Fraud), by the month they were recorded. A crime that could not be placed in a declared
-- district counts for the force and in no district. Of each offence code the entry in force on the day of recording
-- decides; before its first entry, the first.
-- Parameters: load (the sealed load number), areas (the declared districts).
WITH code AS MATERIALIZED (
    SELECT code, notifiable = 'Y' AND offence_group <> 'Fraud offences' AS counts,
           CASE WHEN row_number() OVER entries = 1 THEN '-infinity' ELSE valid_from END AS since,
           coalesce(lead(valid_from) OVER entries, 'infinity') AS until
    FROM reporting.offence_codes_at(:load)
    WINDOW entries AS (PARTITION BY code ORDER BY valid_from)
)
SELECT c.crime_ref AS key, area.area_code, to_char(c.recorded_at, 'YYYY-MM') AS month, '' AS category,
       c.ho_code, c.flag_da, c.flag_alcohol, c.flag_drugs
FROM reporting.police_crime_at(:load) c
JOIN code o ON o.code = c.ho_code AND c.recorded_at >= o.since AND c.recorded_at < o.until
JOIN landing.delivery d USING (delivery_id)
CROSS JOIN LATERAL (VALUES (d.area_code), (c.csp_code)) AS area(area_code)
WHERE c.status = 'recorded' AND o.counts AND (area.area_code = d.area_code OR area.area_code = ANY(:areas))
