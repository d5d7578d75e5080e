-- Detentions under section 136 as the police give them, by month: in all, to custody, and of those under 18.
-- Parameters: load (the sealed load number).
SELECT d.area_code, m.period AS month, counted.taken, counted.numerator
FROM reporting.mental_health m
JOIN reporting.current_delivery('mental_health', :load) d USING (delivery_id)
CROSS JOIN LATERAL (
    VALUES ('anywhere', m.s136_total), ('to custody', m.to_custody), ('under 18 to custody', m.under18_custody)
) AS counted(taken, numerator)
WHERE m.source = 'police'
