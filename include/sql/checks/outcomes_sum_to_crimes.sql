-- Months in which the current outcomes of recorded crimes by type, and those not yet assigned, are not the recorded
-- crimes: a type that the reference does not know, or a crime with two current outcomes.
WITH outcome AS MATERIALIZED (
    SELECT o.crime_ref, t.outcome_type
    FROM reporting.police_outcome_at(:load) o LEFT JOIN reporting.outcome_types_at(:load) t USING (outcome_type)
    WHERE o.is_current = 'Y'
)
SELECT d.area_code || ' ' || to_char(c.recorded_at, 'YYYY-MM') AS key
FROM reporting.police_crime_at(:load) c JOIN landing.delivery d USING (delivery_id)
LEFT JOIN outcome o USING (crime_ref)
WHERE c.status = 'recorded'
GROUP BY d.area_code, to_char(c.recorded_at, 'YYYY-MM')
HAVING count(DISTINCT c.crime_ref) <> count(*) FILTER (WHERE o.crime_ref IS NULL) + count(o.outcome_type)
