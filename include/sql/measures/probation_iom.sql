-- What was returned of the managed cohort, a row an item, by the last month of the quarter.
-- Parameters: load (the sealed load number).
SELECT r.sender AS area_code, r.delivery_period AS month, given.item, given.value::numeric, given.numerator::numeric,
       given.denominator::numeric, NULL AS missing_reason
FROM reporting.probation_iom_at(:load) r
CROSS JOIN LATERAL (
    VALUES
        ('cohort', r.cohort_n, NULL::integer, NULL::integer),
        ('joined', r.entrants, NULL, NULL),
        ('left', r.leavers, NULL, NULL),
        ('before', NULL, r.baseline_offences, r.cohort_n),
        ('since', NULL, r.period_offences, r.months_at_liberty)
) AS given(item, value, numerator, denominator)
