-- Crimes with an outcome from before they were recorded.
SELECT DISTINCT crime_ref AS key
FROM reporting.police_outcome_at(:load) o JOIN reporting.police_crime_at(:load) c USING (crime_ref)
WHERE o.outcome_at < c.recorded_at
