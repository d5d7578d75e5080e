-- Own counts in the comparator that are more than one in a hundred off those of the newest month-end, by offence, over
-- the months that both have: the comparator is of another day than the snapshot.
WITH frozen AS (
    SELECT DISTINCT ON (f.measure, f.period) f.measure, f.period, f.value
    FROM snapshot.snapshot s JOIN snapshot.candidate c USING (candidate_id) JOIN snapshot.fact f USING (candidate_id)
    WHERE c.load_number <= :before AND f.basis = 'month' AND f.area_code = :force AND f.category = ''
      AND f.measure IN (SELECT DISTINCT offence_key FROM reporting.msg_comparator_at(:load))
    ORDER BY f.measure, f.period, s.position DESC
)
SELECT :force || ' ' || m.offence_key AS key
FROM reporting.msg_comparator_at(:load) m JOIN frozen f ON f.measure = m.offence_key AND f.period = m.month
WHERE m.force_code = :force AND f.value IS NOT NULL
GROUP BY m.offence_key
HAVING abs(sum(m.count) - sum(f.value)) > 0.01 * sum(f.value)
