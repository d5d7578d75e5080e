-- Waves and questions of which more were asked in the districts together than in the whole force; in the 12 months up to
-- the month-end.
SELECT wave || ' ' || question_id AS key
FROM reporting.survey_confidence_at(:load)
WHERE delivery_period > to_char(CAST(:month || '-01' AS date) - interval '12 months', 'YYYY-MM')
GROUP BY wave, question_id
HAVING sum(base_unweighted) FILTER (WHERE csp_code IS NOT NULL) > sum(base_unweighted) FILTER (WHERE csp_code IS NULL)
