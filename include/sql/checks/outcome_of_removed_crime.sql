-- Cancelled or transferred crimes that still have a current outcome, whether they stayed in the extract or left it.
SELECT DISTINCT o.crime_ref AS key
FROM reporting.police_outcome_at(:load) o
LEFT JOIN reporting.police_crime_at(:load) c USING (crime_ref)
WHERE o.is_current = 'Y' AND (c.status IN ('cancelled', 'transferred') OR c.status IS NULL
      AND EXISTS (SELECT FROM reporting.police_cancelled_at(:load) e WHERE e.crime_ref = o.crime_ref))
