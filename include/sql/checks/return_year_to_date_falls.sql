-- Partnerships and quarters whose return counts less since April, of an item, than the quarter before in the same
-- year; in the 12 months up to the month-end.
SELECT sender || ' ' || delivery_period AS key
FROM (
    SELECT sender, delivery_period, value, lag(value) OVER (
        PARTITION BY sender, item_code, to_char(item_period_start, 'YYYY-MM') ORDER BY delivery_period
    ) AS before
    FROM reporting.csp_return_at(:load)
    WHERE basis = 'ytd' AND value IS NOT NULL
) AS beside
WHERE value < before
  AND delivery_period > to_char(CAST(:month || '-01' AS date) - interval '12 months', 'YYYY-MM')
GROUP BY sender, delivery_period
