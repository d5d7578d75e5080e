-- Months in which offences do not sum to sub-groups, these to groups and these to all recorded crimes: a code that the
-- reference does not know or has twice, or a sub-group that lies in two groups.
WITH code AS MATERIALIZED (  -- as include/sql/measures/police_crime.sql finds the entry of a code
    SELECT code, subgroup, offence_group,
           CASE WHEN row_number() OVER entries = 1 THEN '-infinity' ELSE valid_from END AS since,
           coalesce(lead(valid_from) OVER entries, 'infinity') AS until
    FROM reporting.offence_codes_at(:load)
    WINDOW entries AS (PARTITION BY code ORDER BY valid_from)
), crime AS MATERIALIZED (
    SELECT d.area_code, to_char(c.recorded_at, 'YYYY-MM') AS month, c.recorded_at, c.ho_code
    FROM reporting.police_crime_at(:load) c JOIN landing.delivery d USING (delivery_id)
    WHERE c.status = 'recorded'
), subgroup AS (
    SELECT c.area_code, c.month, o.subgroup, count(*) AS crimes, count(DISTINCT o.offence_group) AS groups
    FROM crime c JOIN code o ON o.code = c.ho_code AND c.recorded_at >= o.since AND c.recorded_at < o.until
    GROUP BY c.area_code, c.month, o.subgroup
), summed AS (
    SELECT area_code, month, sum(crimes) AS crimes, max(groups) AS groups FROM subgroup GROUP BY area_code, month
)
SELECT area_code || ' ' || month AS key
FROM (SELECT area_code, month, count(*) AS crimes FROM crime GROUP BY area_code, month) force
LEFT JOIN summed USING (area_code, month)
WHERE force.crimes IS DISTINCT FROM summed.crimes OR summed.groups > 1
