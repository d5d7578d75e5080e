-- Street-level crimes and incidents by area, month and crime type, for the forces and for the home force's districts.
-- A row's force and month are its delivery's (checks U02 and U04 hold the rows to it). A row without a place, or with
-- one outside every declared district of its force, counts for the force and in no district.
-- Parameters: load (the sealed load number), areas (the declared districts).
WITH counted AS MATERIALIZED (
    SELECT d.area_code, d.period AS month, s.crime_type, s.lsoa_code, count(*) AS rows
    FROM reporting.current_delivery('police_uk_street', :load) d
    JOIN reporting.police_uk_street s USING (delivery_id)
    GROUP BY d.area_code, d.period, s.crime_type, s.lsoa_code
), area AS MATERIALIZED (
    SELECT area_code, parent_code FROM reporting.areas_at(:load) WHERE area_code = ANY(:areas)
), district AS MATERIALIZED (
    SELECT l.lsoa_code, a.area_code, a.parent_code
    FROM reporting.lsoa_district_at(:load) l JOIN area a ON a.area_code = l.district_code
)
SELECT area_code, month, crime_type, sum(rows)::bigint AS numerator
FROM counted
GROUP BY area_code, month, crime_type
UNION ALL
SELECT d.area_code, c.month, c.crime_type, sum(c.rows)::bigint
FROM counted c JOIN district d ON d.lsoa_code = c.lsoa_code AND d.parent_code = c.area_code
GROUP BY d.area_code, c.month, c.crime_type
