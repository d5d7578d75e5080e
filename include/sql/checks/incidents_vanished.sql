-- Incidents of the newest month-end that a later extract no longer has, though they lie in its window. A row that was
-- quarantined has not vanished.
SELECT gone.incident_ref AS key
FROM reporting.police_incident_history gone
JOIN reporting.police_incident_at(:before) known USING (incident_ref)
WHERE gone.removed = 'vanished' AND gone.load_number > :before AND gone.load_number <= :load
  AND NOT EXISTS (SELECT FROM reporting.police_incident_history later WHERE later.incident_ref = gone.incident_ref
                  AND later.load_number > gone.load_number AND later.load_number <= :load)
