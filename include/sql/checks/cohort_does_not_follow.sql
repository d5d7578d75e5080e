-- Quarters of which the managed cohort is not the one of a year before with those who joined in the 12 months and without
-- those who left; in the 12 months up to the month-end.
SELECT now.sender || ' ' || now.delivery_period AS key
FROM reporting.probation_iom_at(:load) now
JOIN reporting.probation_iom_at(:load) before
  ON before.sender = now.sender AND before.cohort_id = now.cohort_id
 AND before.delivery_period = to_char(CAST(now.delivery_period || '-01' AS date) - interval '12 months', 'YYYY-MM')
WHERE now.delivery_period > to_char(CAST(:month || '-01' AS date) - interval '12 months', 'YYYY-MM')
  AND now.cohort_n <> before.cohort_n + now.entrants - now.leavers
