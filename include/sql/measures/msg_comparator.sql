-- Counts of recorded crime by force, offence and month, as the comparator service gives them, with the denominator that
-- it uses.
-- Parameters: load (the sealed load number), areas (not used: a comparator is of whole forces).
SELECT force_code AS area_code, month, offence_key, count AS numerator, denominator
FROM reporting.msg_comparator_at(:load)
