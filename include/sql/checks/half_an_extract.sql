-- The newest extract, where more than one in a hundred of the crimes that it should still hold are not in it.
SELECT newest.area_code || ' ' || newest.period AS key
FROM (
    SELECT DISTINCT ON (d.area_code) d.area_code, d.period, l.row_count, l.gone_count
    FROM reporting.load l JOIN landing.delivery d USING (delivery_id)
    WHERE d.feed = 'police_crime' AND l.load_number <= :load
    ORDER BY d.area_code, l.load_number DESC
) newest
WHERE newest.gone_count > 0.01 * (newest.row_count + newest.gone_count)
