-- Version 12. The trials of a search: what was proposed, and what was known then. A trial names its config by its hash, because
-- a run may be removed while the search still knows of it.
CREATE TABLE trials (
    sweep_id    INTEGER NOT NULL REFERENCES sweeps,
    trial       INTEGER NOT NULL CHECK (trial >= 0),
    source      TEXT NOT NULL CHECK (source IN ('drawn', 'model')),
    metric      TEXT NOT NULL,
    assignments TEXT NOT NULL CHECK (json_valid(assignments)),
    config_hash TEXT NOT NULL,
    open        TEXT NOT NULL CHECK (json_valid(open)),
    proposed_ms INTEGER NOT NULL,
    PRIMARY KEY (sweep_id, trial)
) STRICT, WITHOUT ROWID;

CREATE VIEW trials_named AS
SELECT
    s.name AS sweep,
    t.trial,
    t.source,
    t.metric,
    (
        SELECT CASE WHEN count(*) = count(p.value) THEN avg(p.value) END
        FROM configs c
        JOIN runs r USING (config_id)
        JOIN entries e ON e.run_id = r.run_id AND e.sweep_id = t.sweep_id
        LEFT JOIN points p ON p.run_id = r.run_id AND p.step = e.total_steps
            AND p.metric_id = (SELECT m.metric_id FROM metrics m WHERE m.name = t.metric)
        WHERE c.hash = t.config_hash
    ) AS value,
    (SELECT json_group_object(j.value ->> '$.key', j.value -> '$.value') FROM json_each(t.assignments) j) AS swept,
    t.config_hash,
    t.open,
    strftime('%Y-%m-%dT%H:%M:%SZ', t.proposed_ms / 1000, 'unixepoch') AS proposed
FROM trials t
JOIN sweeps s USING (sweep_id);
