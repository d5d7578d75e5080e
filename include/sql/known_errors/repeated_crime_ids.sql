-- Rows whose Crime ID stands in the same delivery before, by delivery.
SELECT delivery_id, sum(repeated)::bigint AS rows
FROM (
    SELECT delivery_id, count(*) - 1 AS repeated
    FROM reporting.police_uk_street
    WHERE delivery_id = ANY(:deliveries) AND crime_id IS NOT NULL
    GROUP BY delivery_id, crime_id
    HAVING count(*) > 1
) AS crime
GROUP BY delivery_id
