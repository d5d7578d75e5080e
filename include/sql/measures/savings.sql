-- Savings of the financial year, a row an item, by month: the schemes together.
-- Parameters: load (the sealed load number).
SELECT r.sender AS area_code, r.delivery_period AS month, given.item, sum(given.value)::numeric AS value,
       NULL::numeric AS numerator, NULL::numeric AS denominator, NULL AS missing_reason
FROM reporting.savings_at(:load) r
CROSS JOIN LATERAL (
    VALUES
        ('required', r.required), ('identified', r.identified), ('delivered', r.delivered),
        ('recurring', CASE WHEN r.recurring = 'Y' THEN r.delivered ELSE 0 END)
) AS given(item, value)
WHERE r.scheme_id <> 'ALL'
GROUP BY 1, 2, 3
