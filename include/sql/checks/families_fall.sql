-- Authorities and quarters in which fewer families stand than the quarter before, of what is counted since the programme
-- began; in the 12 months up to the month-end.
SELECT sender || ' ' || delivery_period AS key
FROM (
    SELECT sender, delivery_period, lag(counts) OVER (PARTITION BY sender ORDER BY delivery_period) AS before, counts
    FROM reporting.troubled_families_at(:load),
         LATERAL (SELECT ARRAY[identified, engaged, outcome_crime_asb, outcome_education, outcome_work]) AS c(counts)
) AS beside
WHERE delivery_period > to_char(CAST(:month || '-01' AS date) - interval '12 months', 'YYYY-MM')
  AND EXISTS (SELECT FROM unnest(before, counts) AS u(earlier, later) WHERE later < earlier)
