-- Crimes that are still recorded and had an outcome at the newest month-end, of which a later extract holds none,
-- though what they had lies in its window. A row that was quarantined has not vanished.
SELECT DISTINCT gone.crime_ref AS key
FROM reporting.police_outcome_history gone
JOIN reporting.police_outcome_at(:before) known USING (crime_ref, outcome_type, outcome_at)
JOIN reporting.police_crime_at(:load) crime USING (crime_ref)
WHERE gone.removed = 'vanished' AND gone.load_number > :before AND gone.load_number <= :load
  AND crime.status = 'recorded'
  AND NOT EXISTS (SELECT FROM reporting.police_outcome_at(:load) held WHERE held.crime_ref = gone.crime_ref)
