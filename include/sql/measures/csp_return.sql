-- What the Community Safety Partnerships returned, a row for each item of each return, by the quarter's last month.
-- Parameters: load (the sealed load number).
SELECT sender AS area_code, delivery_period AS month, item_code, value, numerator, denominator, missing_reason
FROM reporting.csp_return_at(:load)
