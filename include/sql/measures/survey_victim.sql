-- Answers of victims, by the month of the interviews, question and group: how many answered, how many of them are
-- satisfied (5, 6 or 7 of 7), and the sums of their weights that a weighted share and its interval are made from.
-- Parameters: load (the sealed load number), areas (the declared districts).
SELECT area.area_code, r.delivery_period AS month, asked.question, r.victim_group, count(*)::numeric AS respondents,
       count(*) FILTER (WHERE asked.answer >= 5)::numeric AS satisfied, sum(r.weight) AS weight,
       coalesce(sum(r.weight) FILTER (WHERE asked.answer >= 5), 0) AS weight_satisfied,
       sum(r.weight * r.weight) AS weight_squared
FROM reporting.survey_victim_at(:load) r
CROSS JOIN LATERAL (
    VALUES
        ('contact', r.q_contact), ('actions', r.q_actions), ('followup', r.q_followup), ('treatment', r.q_treatment),
        ('whole', r.q_whole)
) AS asked(question, answer)
CROSS JOIN LATERAL (VALUES (r.sender), (r.csp_code)) AS area(area_code)
WHERE asked.answer IS NOT NULL AND (area.area_code = r.sender OR area.area_code = ANY(:areas))
GROUP BY 1, 2, 3, 4
