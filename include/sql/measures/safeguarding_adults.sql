-- What the board that safeguards adults counts, a row an item, by the last month of the quarter.
-- Parameters: load (the sealed load number).
SELECT sender AS area_code, delivery_period AS month, item_code AS item, value::numeric, NULL::numeric AS numerator,
       NULL::numeric AS denominator, NULL AS missing_reason
FROM reporting.safeguarding_adults_at(:load)
