-- Version 5. Each attempt has a watermark, so that an event is recorded once however often it comes,
-- and a state before its worker begins.

-- `seq` of the next event to record. Of attempts that an older version recorded nothing is to come.
ALTER TABLE attempts ADD COLUMN next_seq INTEGER NOT NULL DEFAULT 0 CHECK (next_seq >= 0);
UPDATE attempts SET next_seq = 9223372036854775807;

DROP INDEX attempts_running;
CREATE INDEX attempts_active ON attempts (run_id) WHERE state IN ('pending', 'running');

DROP VIEW sweep_overview;
CREATE VIEW sweep_overview AS
SELECT
    s.name AS sweep,
    s.description,
    s.recipe,
    s.dataset_requested,
    s.dataset,
    (SELECT count(*) FROM entries e WHERE e.sweep_id = s.sweep_id) AS runs,
    (SELECT count(*) FROM entries e WHERE e.sweep_id = s.sweep_id AND e.state = 'completed') AS completed,
    (SELECT count(*) FROM entries e WHERE e.sweep_id = s.sweep_id AND e.state = 'pruned') AS pruned,
    (SELECT count(*) FROM entries e WHERE e.sweep_id = s.sweep_id AND e.state = 'diverged') AS diverged,
    (SELECT count(*) FROM entries e WHERE e.sweep_id = s.sweep_id AND e.state = 'failed') AS failed,
    s.file,
    s.axes,
    s.call,
    s.program_version,
    s.machine,
    strftime('%Y-%m-%dT%H:%M:%SZ', s.created_ms / 1000, 'unixepoch') AS created,
    strftime('%Y-%m-%dT%H:%M:%SZ', s.updated_ms / 1000, 'unixepoch') AS updated
FROM sweeps s;
