-- Cases of high-risk domestic abuse that conferences discussed, a row an item, by the last month of the quarter.
-- Parameters: load (the sealed load number).
SELECT r.sender AS area_code, r.delivery_period AS month, given.item, given.value::numeric, given.numerator::numeric,
       given.denominator::numeric, NULL AS missing_reason
FROM reporting.da_partnership_at(:load) r
CROSS JOIN LATERAL (
    VALUES
        ('cases', NULL, r.cases, r.adult_women_pop),
        ('repeats', NULL, r.repeats, r.cases),
        ('children', r.children, NULL, NULL)
) AS given(item, value, numerator, denominator)
