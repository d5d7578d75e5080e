-- Months in which a scheme has delivered less since April than the month before; in the 12 months up to
-- the month-end.
SELECT sender || ' ' || delivery_period AS key
FROM (
    SELECT sender, delivery_period, delivered, lag(delivered) OVER scheme AS before
    FROM reporting.savings_at(:load)
    WINDOW scheme AS (PARTITION BY sender, scheme_id, year ORDER BY delivery_period)
) AS beside
WHERE delivered < before
  AND delivery_period > to_char(CAST(:month || '-01' AS date) - interval '12 months', 'YYYY-MM')
GROUP BY sender, delivery_period
