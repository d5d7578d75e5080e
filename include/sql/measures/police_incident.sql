-- Incidents, a row each for the force and for its district, by the month they were opened. One that could not be
-- placed in a declared district counts for the force and in no district.
-- Parameters: load (the sealed load number), areas (the declared districts).
SELECT i.incident_ref AS key, area.area_code, to_char(i.opened_at, 'YYYY-MM') AS month, '' AS category,
       i.da_incident, i.hate_incident
FROM reporting.police_incident_at(:load) i
JOIN landing.delivery d USING (delivery_id)
CROSS JOIN LATERAL (VALUES (d.area_code), (i.csp_code)) AS area(area_code)
WHERE area.area_code = d.area_code OR area.area_code = ANY(:areas)
