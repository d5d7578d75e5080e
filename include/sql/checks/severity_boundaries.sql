-- Pairs of neighbouring offences of which one took an unusual share of the month from the other: outside the limits of
-- an XmR chart of the 24 months before (2.66 mean moving ranges, without those above 3.267 of their mean, as in
-- monthend.statistics.spc), and further off than chance explains in 99.8 of 100 months (arcsine of a proportion).
WITH pair (pair, codes, against) AS (VALUES
    ('8N:105A', ARRAY['8N'], ARRAY['105A']),
    ('burglary dwelling:other', ARRAY['28A', '28B', '28C', '28D', '29'], ARRAY['30A', '30B', '31']),
    ('burglary residential:other', ARRAY['28E', '28F', '28G', '28H', '29A'], ARRAY['30C', '30D', '31A']),
    ('45+48:126', ARRAY['45', '48'], ARRAY['126']),
    ('robbery:39', ARRAY['34A', '34B'], ARRAY['39']),
    ('burglary attempts:58A+58B', ARRAY['28B', '28D', '28F', '28H', '30B', '30D'], ARRAY['58A', '58B'])
), counted AS MATERIALIZED (
    SELECT d.area_code, to_char(c.recorded_at, 'YYYY-MM') AS month, c.ho_code, count(*) AS crimes
    FROM reporting.police_crime_at(:load) c JOIN landing.delivery d USING (delivery_id)
    WHERE c.status = 'recorded' GROUP BY d.area_code, month, c.ho_code
), series AS (
    SELECT c.area_code, c.month, p.pair, sum(c.crimes)::float AS n,
           coalesce(sum(c.crimes) FILTER (WHERE c.ho_code = ANY(p.codes)), 0)::float AS x
    FROM counted c JOIN pair p ON c.ho_code = ANY(p.codes || p.against)
    GROUP BY c.area_code, c.month, p.pair
), ranged AS (
    SELECT *, x / n AS share, abs(x / n - lag(x / n) OVER months) AS range
    FROM series
    WHERE month < :month AND month >= to_char(to_date(:month, 'YYYY-MM') - interval '24 months', 'YYYY-MM')
    WINDOW months AS (PARTITION BY area_code, pair ORDER BY month)
), centre AS (
    SELECT area_code, pair, avg(share) AS mean, sum(x) / sum(n) AS pooled, avg(range) AS range
    FROM ranged GROUP BY area_code, pair HAVING count(*) = 24
), limits AS (
    SELECT c.area_code, c.pair, c.mean, c.pooled, 2.66 * avg(r.range) AS distance
    FROM centre c JOIN ranged r USING (area_code, pair)
    WHERE r.range < 3.267 * c.range OR r.range = 0
    GROUP BY c.area_code, c.pair, c.mean, c.pooled
)
SELECT s.area_code || ' ' || s.month || ' ' || s.pair AS key
FROM series s JOIN limits l USING (area_code, pair)
WHERE s.month = :month AND abs(s.x / s.n - l.mean) > l.distance
  AND abs(2 * sqrt(s.n) * (asin(sqrt(s.x / s.n)) - asin(sqrt(l.pooled)))) > 3.09
