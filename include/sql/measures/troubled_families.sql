-- Families since the programme began, a row an item, by the last month of the quarter.
-- Parameters: load (the sealed load number).
SELECT r.sender AS area_code, r.delivery_period AS month, given.item, given.value::numeric, given.numerator::numeric,
       given.denominator::numeric, NULL AS missing_reason
FROM reporting.troubled_families_at(:load) r
CROSS JOIN LATERAL (
    VALUES
        ('identified', r.identified, NULL::integer, NULL::integer),
        ('engaged', r.engaged, NULL, NULL),
        ('outcome_crime_asb', r.outcome_crime_asb, NULL, NULL),
        ('outcome_education', r.outcome_education, NULL, NULL),
        ('outcome_work', r.outcome_work, NULL, NULL)
) AS given(item, value, numerator, denominator)
