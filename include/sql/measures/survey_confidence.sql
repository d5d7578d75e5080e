-- Published shares, by district and, without one, for the force, by the last month of the quarter, as sums of weights
-- from which the same share and, with its design effect, its interval come. How many were satisfied is not published.
-- Parameters: load (the sealed load number).
SELECT coalesce(csp_code, sender) AS area_code, delivery_period AS month, question_id AS question,
       base_unweighted::numeric AS respondents, 'NaN'::numeric AS satisfied, base_unweighted::numeric AS weight,
       value * base_unweighted / 100 AS weight_satisfied, base_unweighted * design_effect AS weight_squared
FROM reporting.survey_confidence_at(:load)
