-- Crimes that were cancelled or transferred and never came, though an extract from between their year and the decision
-- did and holds the whole of that year. A reference names the year of recording.
SELECT DISTINCT e.crime_ref AS key
FROM reporting.police_cancelled_at(:load) e
CROSS JOIN LATERAL (SELECT substring(e.crime_ref FROM '-(\d\d\d\d)-') AS year) recorded
WHERE NOT EXISTS (SELECT FROM reporting.police_crime_history c
                  WHERE c.crime_ref = e.crime_ref AND c.load_number <= :load)
  AND EXISTS (SELECT FROM reporting.current_delivery('police_crime', :load) d
              WHERE d.period BETWEEN year || '-12' AND to_char(e.decided_at - interval '2 months', 'YYYY-MM')
              AND to_char(to_date(d.period, 'YYYY-MM') - interval '35 months', 'YYYY-MM') <= year || '-01')
