-- Crimes whose Home Office code is another one than at the newest month-end, without a reclassification since.
SELECT now.crime_ref AS key
FROM (
    SELECT DISTINCT ON (crime_ref) crime_ref, removed, ho_code, reclassified_at
    FROM reporting.police_crime_history WHERE load_number > :before AND load_number <= :load
    ORDER BY crime_ref, load_number DESC
) now
JOIN reporting.police_crime_at(:before) known USING (crime_ref)
WHERE now.removed IS NULL AND now.ho_code <> known.ho_code
  AND (now.reclassified_at IS NULL OR now.reclassified_at IS NOT DISTINCT FROM known.reclassified_at)
