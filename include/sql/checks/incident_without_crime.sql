-- Incidents closed as a crime that name none, or one that never came and was not cancelled or transferred before it
-- could. What was closed after the newest month of crimes is left out: its crime may be still to come.
SELECT i.incident_ref AS key
FROM reporting.police_incident_at(:load) i
WHERE i.closing_code = 'CRIME'
  AND to_char(i.closed_at, 'YYYY-MM') <= (SELECT max(period) FROM reporting.current_delivery('police_crime', :load))
  AND NOT EXISTS (SELECT FROM reporting.police_crime_history c
                  WHERE c.crime_ref = i.crime_ref AND c.load_number <= :load)
  AND NOT EXISTS (SELECT FROM reporting.police_cancelled_at(:load) e WHERE e.crime_ref = i.crime_ref)
