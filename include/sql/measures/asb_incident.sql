-- Incidents closed as anti-social behaviour, or still open and opened as such, as police_incident.sql counts incidents:
-- a row each in total, and one for its qualifier.
-- Parameters: load (the sealed load number), areas (the declared districts).
SELECT i.incident_ref AS key, area.area_code, to_char(i.opened_at, 'YYYY-MM') AS month, qualifier.category
FROM reporting.police_incident_at(:load) i
JOIN landing.delivery d USING (delivery_id)
CROSS JOIN LATERAL (VALUES (d.area_code), (i.csp_code)) AS area(area_code)
CROSS JOIN LATERAL (VALUES (''), (i.asb_qualifier)) AS qualifier(category)
WHERE coalesce(i.closing_code, i.opening_code) = 'ASB' AND qualifier.category IS NOT NULL
  AND (area.area_code = d.area_code OR area.area_code = ANY(:areas))
