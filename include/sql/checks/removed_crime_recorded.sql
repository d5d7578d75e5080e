-- Crimes that stand as recorded in an extract of after the day on which they were cancelled or transferred.
SELECT DISTINCT crime.crime_ref AS key
FROM reporting.police_crime_at(:load) crime
JOIN reporting.police_cancelled_at(:load) event USING (crime_ref)
WHERE crime.status = 'recorded'
  AND to_char(event.decided_at, 'YYYY-MM') <= (SELECT max(period) FROM reporting.current_delivery('police_crime', :load))
