-- Kinds of crime of which an unusual share was cancelled in the month: decisions of the month among the crimes recorded
-- in it, outside the limits of an XmR chart of the 24 months before (as in severity_boundaries.sql) and further off
-- than chance explains in 99.8 of 100 months.
WITH kind AS MATERIALIZED (
    SELECT DISTINCT code, CASE WHEN subgroup = 'Rape' THEN 'rape' WHEN offence_group = 'Sexual offences'
           THEN 'other sexual' WHEN offence_group = 'Robbery' THEN 'robbery' ELSE 'violence' END AS kind
    FROM reporting.offence_codes_at(:load)
    WHERE offence_group IN ('Violence against the person', 'Sexual offences', 'Robbery')
), recorded AS (
    SELECT d.area_code, to_char(c.recorded_at, 'YYYY-MM') AS month, k.kind, count(*)::float AS n
    FROM reporting.police_crime_at(:load) c JOIN landing.delivery d USING (delivery_id)
    JOIN kind k ON k.code = c.ho_code GROUP BY d.area_code, month, k.kind
), cancelled AS (
    SELECT d.area_code, to_char(e.decided_at, 'YYYY-MM') AS month, k.kind, count(*)::float AS x
    FROM reporting.police_cancelled_at(:load) e JOIN landing.delivery d USING (delivery_id)
    CROSS JOIN LATERAL (  -- the crime may have left the extract
        SELECT ho_code FROM reporting.police_crime_history h WHERE h.crime_ref = e.crime_ref
        AND h.removed IS NULL AND h.load_number <= :load ORDER BY load_number DESC LIMIT 1) c
    JOIN kind k ON k.code = c.ho_code
    WHERE e.action = 'cancelled' GROUP BY d.area_code, month, k.kind
), series AS MATERIALIZED (
    SELECT area_code, month, kind, n, least(coalesce(x, 0), n) AS x
    FROM recorded LEFT JOIN cancelled USING (area_code, month, kind)
), ranged AS (
    SELECT *, x / n AS share, abs(x / n - lag(x / n) OVER months) AS range
    FROM series
    WHERE month < :month AND month >= to_char(to_date(:month, 'YYYY-MM') - interval '24 months', 'YYYY-MM')
    WINDOW months AS (PARTITION BY area_code, kind ORDER BY month)
), centre AS (
    SELECT area_code, kind, avg(share) AS mean, sum(x) / sum(n) AS pooled, avg(range) AS range
    FROM ranged GROUP BY area_code, kind HAVING count(*) = 24
), limits AS (
    SELECT c.area_code, c.kind, c.mean, c.pooled, 2.66 * avg(r.range) AS distance
    FROM centre c JOIN ranged r USING (area_code, kind)
    WHERE r.range < 3.267 * c.range OR r.range = 0
    GROUP BY c.area_code, c.kind, c.mean, c.pooled
)
SELECT s.area_code || ' ' || s.month || ' ' || s.kind AS key
FROM series s JOIN limits l USING (area_code, kind)
WHERE s.month = :month AND abs(s.x / s.n - l.mean) > l.distance
  AND abs(2 * sqrt(s.n) * (asin(sqrt(s.x / s.n)) - asin(sqrt(l.pooled)))) > 3.09
