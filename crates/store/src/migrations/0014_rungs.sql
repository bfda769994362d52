-- Version 14. What a sweep's pruner compared runs by, and what it decided. It is no part of a run: another sweep may decide
-- otherwise.
CREATE TABLE rungs (
    sweep_id INTEGER NOT NULL REFERENCES sweeps,
    run_id   INTEGER NOT NULL REFERENCES runs,
    epochs   INTEGER NOT NULL CHECK (epochs >= 0),
    bracket  INTEGER NOT NULL CHECK (bracket >= 0),
    value    REAL,
    kind     INTEGER REFERENCES value_kinds,
    decision TEXT NOT NULL CHECK (decision IN ('begun', 'waits', 'promoted', 'stays', 'stopped')),
    reason   TEXT NOT NULL,
    at_ms    INTEGER NOT NULL,
    PRIMARY KEY (sweep_id, run_id, epochs)
) STRICT, WITHOUT ROWID;

CREATE INDEX rungs_by_run ON rungs (run_id);
