-- Months whose recorded crimes were revised since the newest month-end by more than half a percentage point outside the
-- band in which 95 % of the revisions of months of the same age were, from one snapshot's `all_crime` to the next.
WITH frozen AS MATERIALIZED (  -- a snapshot stores a count where it differs from the one before
    SELECT s.position, f.area_code, f.period, f.value,
           f.value / nullif(lag(f.value) OVER versions, 0) - 1 AS revision
    FROM snapshot.snapshot s JOIN snapshot.candidate c USING (candidate_id) JOIN snapshot.fact f USING (candidate_id)
    WHERE f.measure = 'all_crime' AND f.basis = 'month' AND f.area_code = :force AND f.category = ''
      AND c.load_number <= :before
    WINDOW versions AS (PARTITION BY f.area_code, f.period ORDER BY s.position)
), band AS (
    SELECT (left(s.month, 4)::integer - left(p.period, 4)::integer) * 12
           + right(s.month, 2)::integer - right(p.period, 2)::integer AS age,
           percentile_cont(0.025) WITHIN GROUP (ORDER BY coalesce(f.revision, 0)) AS lower,
           percentile_cont(0.975) WITHIN GROUP (ORDER BY coalesce(f.revision, 0)) AS upper
    FROM snapshot.snapshot s JOIN snapshot.candidate c USING (candidate_id)
    JOIN (SELECT period, min(position) AS first FROM frozen GROUP BY period) p ON p.first < s.position
    LEFT JOIN frozen f ON f.position = s.position AND f.period = p.period
    WHERE c.load_number <= :before
    GROUP BY age HAVING count(*) >= 12
), revised AS (
    SELECT month, now.crimes::numeric / before.crimes - 1 AS revision,
           (left(:month, 4)::integer - left(month, 4)::integer) * 12
           + right(:month, 2)::integer - right(month, 2)::integer AS age
    FROM (SELECT to_char(recorded_at, 'YYYY-MM') AS month, count(*) AS crimes
          FROM reporting.police_crime_at(:before) WHERE status = 'recorded' GROUP BY month) before
    LEFT JOIN (SELECT to_char(recorded_at, 'YYYY-MM') AS month, count(*) AS crimes
          FROM reporting.police_crime_at(:load) WHERE status = 'recorded' GROUP BY month) now USING (month)
)
SELECT :force || ' ' || r.month AS key
FROM revised r JOIN band b USING (age)
WHERE coalesce(r.revision, -1) < b.lower - 0.005 OR r.revision > b.upper + 0.005
