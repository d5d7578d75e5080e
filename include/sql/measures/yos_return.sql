-- What youth offending services returned, a row an item of each, by the last month of the quarter.
-- Parameters: load (the sealed load number).
SELECT r.sender AS area_code, r.delivery_period AS month, given.item, given.value::numeric, given.numerator::numeric,
       given.denominator::numeric, NULL AS missing_reason
FROM reporting.yos_return_at(:load) r
CROSS JOIN LATERAL (
    VALUES
        ('first_time_entrants', NULL, r.fte_count, r.pop_10_17),
        ('reoffenders', NULL, r.reoffenders, r.cohort_n),
        ('reoffences', NULL, r.reoffences, r.cohort_n)
) AS given(item, value, numerator, denominator)
