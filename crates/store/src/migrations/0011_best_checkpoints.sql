-- Version 11. Beside its latest checkpoint a run keeps the one with the best value of a quality figure.
CREATE TABLE best_checkpoints (
    run_id    INTEGER PRIMARY KEY REFERENCES runs,
    step      INTEGER NOT NULL CHECK (step >= 0),
    path      TEXT NOT NULL,
    bytes     INTEGER NOT NULL,
    sha256    TEXT NOT NULL,
    metric_id INTEGER NOT NULL REFERENCES metrics,
    value     REAL NOT NULL,
    images    INTEGER NOT NULL CHECK (images >= 1),
    evaluator TEXT NOT NULL,
    attempt   INTEGER NOT NULL,
    at_ms     INTEGER NOT NULL
) STRICT;
