-- Crimes with a current outcome that never came themselves and were not cancelled or transferred before they could. A
-- reference names the year of recording: crimes of the first year held, or before, may lie outside the extracts.
-- Outcomes after the newest month of crimes are left out: their crimes may be still to come.
SELECT DISTINCT o.crime_ref AS key
FROM reporting.police_outcome_at(:load) o
WHERE o.is_current = 'Y'
  AND to_char(o.outcome_at, 'YYYY-MM') <= (SELECT max(period) FROM reporting.current_delivery('police_crime', :load))
  AND substring(o.crime_ref FROM '-(\d\d\d\d)-') > (
      SELECT to_char(min(recorded_at), 'YYYY') FROM reporting.police_crime_history WHERE load_number <= :load)
  AND NOT EXISTS (SELECT FROM reporting.police_crime_history c
                  WHERE c.crime_ref = o.crime_ref AND c.load_number <= :load)
  AND NOT EXISTS (SELECT FROM reporting.police_cancelled_at(:load) e WHERE e.crime_ref = o.crime_ref)
