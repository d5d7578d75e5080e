-- Reports of missing people for the force and for each district, by the month they were made: in total and by category.
-- Repeated is one of a person of whom there was another of the same category in the 12 months before.
-- Parameters: load (the sealed load number), areas (the declared districts).
WITH report AS (
    SELECT r.*, d.area_code AS force,
           CASE WHEN lag(r.reported_at) OVER same_person > r.reported_at - interval '12 months' THEN 'Y' ELSE 'N' END
               AS repeated
    FROM reporting.missing_person r
    JOIN reporting.current_delivery('missing_person', :load) d USING (delivery_id)
    WINDOW same_person AS (PARTITION BY r.person_pseudo_id, r.category ORDER BY r.reported_at, r.report_ref)
)
SELECT area.area_code, to_char(r.reported_at, 'YYYY-MM') AS month, kind.category, r.repeated, r.care_status,
       count(*) AS numerator
FROM report r
CROSS JOIN LATERAL (VALUES (r.force), (r.csp_code)) AS area(area_code)
CROSS JOIN LATERAL (VALUES (''), (r.category)) AS kind(category)
WHERE area.area_code = r.force OR area.area_code = ANY(:areas)
GROUP BY 1, 2, 3, 4, 5
