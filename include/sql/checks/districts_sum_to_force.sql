-- Months in which the recorded crimes of the districts and those without a district are not those of the force.
SELECT d.area_code || ' ' || to_char(c.recorded_at, 'YYYY-MM') AS key
FROM reporting.police_crime_at(:load) c JOIN landing.delivery d USING (delivery_id)
WHERE c.status = 'recorded'
GROUP BY d.area_code, to_char(c.recorded_at, 'YYYY-MM')
HAVING count(*) <> count(*) FILTER (WHERE c.csp_code = ANY(:areas)) + count(*) FILTER (WHERE c.csp_code IS NULL)
