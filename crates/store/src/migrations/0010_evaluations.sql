-- Version 10. Quality figures of a run's images. Those of one number of images, one evaluator and one source are a run's curve
-- and its points; others stand here alone, since figures compare only where these three are equal.
CREATE TABLE evaluations (
    run_id    INTEGER NOT NULL REFERENCES runs,
    step      INTEGER NOT NULL CHECK (step >= 0),
    source    TEXT NOT NULL CHECK (source IN ('raw', 'ema')),
    images    INTEGER NOT NULL CHECK (images >= 1),
    evaluator TEXT NOT NULL,
    is_curve  INTEGER NOT NULL CHECK (is_curve IN (0, 1)),
    figures   TEXT NOT NULL CHECK (json_valid(figures)),
    classes   TEXT CHECK (json_valid(classes)),
    attempt   INTEGER NOT NULL,
    at_ms     INTEGER NOT NULL,
    PRIMARY KEY (run_id, step, source, images, evaluator)
) STRICT, WITHOUT ROWID;

CREATE VIEW evaluations_named AS
SELECT
    r.id AS run,
    e.step,
    e.source,
    e.images,
    e.evaluator,
    e.is_curve,
    f.key AS metric,
    f.value,
    strftime('%Y-%m-%dT%H:%M:%SZ', e.at_ms / 1000, 'unixepoch') AS at
FROM evaluations e
JOIN runs r USING (run_id)
JOIN json_each(e.figures) f;
