-- Months in which personal, nuisance and environmental incidents are not those of anti-social behaviour.
SELECT d.area_code || ' ' || to_char(i.opened_at, 'YYYY-MM') AS key
FROM reporting.police_incident_at(:load) i JOIN landing.delivery d USING (delivery_id)
GROUP BY d.area_code, to_char(i.opened_at, 'YYYY-MM')
HAVING count(*) FILTER (WHERE coalesce(i.closing_code, i.opening_code) = 'ASB')
    <> count(*) FILTER (WHERE i.asb_qualifier IN ('personal', 'nuisance', 'environmental'))
