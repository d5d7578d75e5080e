-- Months in which a scheme's required amount is a hundred times that of the month before or more, or a hundredth: it was
-- given in other units, such as thousands. In the 12 months up to the month-end.
SELECT sender || ' ' || delivery_period AS key
FROM (
    SELECT sender, delivery_period, required, lag(required) OVER scheme AS before
    FROM reporting.savings_at(:load)
    WINDOW scheme AS (PARTITION BY sender, scheme_id, year ORDER BY delivery_period)
) AS beside
WHERE required > 0 AND before > 0 AND (required >= 100 * before OR before >= 100 * required)
  AND delivery_period > to_char(CAST(:month || '-01' AS date) - interval '12 months', 'YYYY-MM')
GROUP BY sender, delivery_period
