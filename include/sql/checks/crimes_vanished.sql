-- Crimes of the newest month-end that a later extract no longer has, though they lie in its window, and of which no
-- cancellation or transfer is known. A row that was quarantined has not vanished.
SELECT gone.crime_ref AS key
FROM reporting.police_crime_history gone
JOIN reporting.police_crime_at(:before) known USING (crime_ref)
WHERE gone.removed = 'vanished' AND gone.load_number > :before AND gone.load_number <= :load
  AND NOT EXISTS (SELECT FROM reporting.police_crime_history later WHERE later.crime_ref = gone.crime_ref
                  AND later.load_number > gone.load_number AND later.load_number <= :load)
  AND NOT EXISTS (SELECT FROM reporting.police_cancelled_at(:load) event WHERE event.crime_ref = gone.crime_ref)
