-- Who completed treatment and did not come back, of those in treatment, a row a substance, by the last month of the
-- quarter.
-- Parameters: load (the sealed load number).
SELECT sender AS area_code, delivery_period AS month, substance AS item, NULL::numeric AS value,
       (completed - re_presented)::numeric AS numerator, in_treatment::numeric AS denominator, NULL AS missing_reason
FROM reporting.substance_misuse_at(:load)
