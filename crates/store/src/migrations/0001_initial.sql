-- Version 1. Times are milliseconds since 1970-01-01T00:00:00Z.
-- Integer keys stand inside, so that a point costs few bytes; the views show names instead.

CREATE TABLE states (
    state TEXT PRIMARY KEY,
    final INTEGER NOT NULL CHECK (final IN (0, 1)),
    help  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE value_kinds (
    kind INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE metrics (
    metric_id     INTEGER PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,
    title         TEXT NOT NULL,
    unit          TEXT NOT NULL,
    direction     TEXT NOT NULL CHECK (direction IN ('lower', 'higher', 'neither')),
    deterministic INTEGER NOT NULL CHECK (deterministic IN (0, 1)),
    help          TEXT NOT NULL,
    position      INTEGER NOT NULL
) STRICT;

CREATE TABLE sweeps (
    sweep_id          INTEGER PRIMARY KEY,
    name              TEXT NOT NULL UNIQUE,
    file              TEXT NOT NULL,
    source            TEXT NOT NULL,
    description       TEXT NOT NULL,
    recipe            TEXT NOT NULL,
    axes              TEXT NOT NULL CHECK (json_valid(axes)),
    dataset_requested TEXT NOT NULL,
    dataset           TEXT NOT NULL,
    record            TEXT NOT NULL CHECK (json_valid(record)),
    latent_seed       INTEGER NOT NULL,
    palette           TEXT NOT NULL,
    program_version   TEXT NOT NULL,
    machine           TEXT NOT NULL,
    created_ms        INTEGER NOT NULL,
    updated_ms        INTEGER NOT NULL
) STRICT;

CREATE TABLE configs (
    config_id INTEGER PRIMARY KEY,
    hash      TEXT NOT NULL UNIQUE,
    json      TEXT NOT NULL CHECK (json_valid(json))
) STRICT;

CREATE TABLE config_values (
    config_id INTEGER NOT NULL REFERENCES configs,
    key       TEXT NOT NULL,
    type      TEXT NOT NULL CHECK (type IN ('integer', 'real', 'text', 'boolean', 'list')),
    value     ANY NOT NULL,
    PRIMARY KEY (config_id, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX config_values_by_key ON config_values (key, value);

CREATE TABLE runs (
    run_id           INTEGER PRIMARY KEY,
    id               TEXT NOT NULL UNIQUE,
    config_id        INTEGER NOT NULL REFERENCES configs,
    seed             INTEGER NOT NULL,
    data_fingerprint TEXT NOT NULL,
    state            TEXT NOT NULL REFERENCES states,
    cause            TEXT,
    attempts         INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    epochs           INTEGER NOT NULL,
    total_steps      INTEGER NOT NULL,
    step             INTEGER NOT NULL DEFAULT 0 CHECK (step >= 0),
    seconds          REAL,
    created_ms       INTEGER NOT NULL,
    started_ms       INTEGER,
    ended_ms         INTEGER
) STRICT;

CREATE INDEX runs_by_config ON runs (config_id);

CREATE TABLE sweep_runs (
    sweep_id    INTEGER NOT NULL REFERENCES sweeps,
    run_id      INTEGER NOT NULL REFERENCES runs,
    position    INTEGER NOT NULL CHECK (position >= 0),
    label       TEXT NOT NULL,
    assignments TEXT NOT NULL CHECK (json_valid(assignments)),
    current     INTEGER NOT NULL CHECK (current IN (0, 1)),
    PRIMARY KEY (sweep_id, run_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX sweep_runs_by_run ON sweep_runs (run_id);

CREATE TABLE attempts (
    run_id     INTEGER NOT NULL REFERENCES runs,
    attempt    INTEGER NOT NULL CHECK (attempt >= 1),
    state      TEXT NOT NULL REFERENCES states,
    cause      TEXT,
    device     TEXT NOT NULL,
    backend    TEXT,
    lane       INTEGER,
    lanes      INTEGER,
    pid        INTEGER,
    host       TEXT,
    from_step  INTEGER,
    step       INTEGER,
    began_ms   INTEGER NOT NULL,
    started_ms INTEGER,
    ended_ms   INTEGER,
    PRIMARY KEY (run_id, attempt)
) STRICT, WITHOUT ROWID;

CREATE INDEX attempts_running ON attempts (run_id) WHERE state = 'running';

CREATE TABLE points (
    run_id    INTEGER NOT NULL REFERENCES runs,
    metric_id INTEGER NOT NULL REFERENCES metrics,
    step      INTEGER NOT NULL CHECK (step >= 0),
    value     REAL,
    kind      INTEGER NOT NULL REFERENCES value_kinds,
    attempt   INTEGER NOT NULL,
    PRIMARY KEY (run_id, metric_id, step),
    CHECK ((kind = 0) = (value IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE summaries (
    run_id     INTEGER NOT NULL REFERENCES runs,
    metric_id  INTEGER NOT NULL REFERENCES metrics,
    count      INTEGER NOT NULL CHECK (count >= 1),
    finite     INTEGER NOT NULL CHECK (finite BETWEEN 0 AND count),
    last_step  INTEGER NOT NULL,
    last_value REAL,
    last_kind  INTEGER NOT NULL REFERENCES value_kinds,
    min        REAL,
    max        REAL,
    best       REAL,
    best_step  INTEGER,
    PRIMARY KEY (run_id, metric_id),
    CHECK ((last_kind = 0) = (last_value IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE samples (
    sample_id INTEGER PRIMARY KEY,
    run_id    INTEGER NOT NULL REFERENCES runs,
    step      INTEGER NOT NULL CHECK (step >= 0),
    epoch     INTEGER NOT NULL,
    rows      INTEGER NOT NULL,
    cols      INTEGER NOT NULL,
    height    INTEGER NOT NULL,
    width     INTEGER NOT NULL,
    attempt   INTEGER NOT NULL,
    at_ms     INTEGER NOT NULL,
    png       BLOB NOT NULL,
    UNIQUE (run_id, step)
) STRICT;

CREATE TABLE checkpoints (
    run_id  INTEGER PRIMARY KEY REFERENCES runs,
    step    INTEGER NOT NULL CHECK (step >= 0),
    path    TEXT NOT NULL,
    bytes   INTEGER NOT NULL,
    sha256  TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    at_ms   INTEGER NOT NULL
) STRICT;

CREATE TABLE real_images (
    real_images_id   INTEGER PRIMARY KEY,
    data_fingerprint TEXT NOT NULL,
    dataset          TEXT NOT NULL,
    rows             INTEGER NOT NULL,
    cols             INTEGER NOT NULL,
    height           INTEGER NOT NULL,
    width            INTEGER NOT NULL,
    png              BLOB NOT NULL,
    UNIQUE (data_fingerprint, rows, cols)
) STRICT;

CREATE VIEW sweep_overview AS
SELECT
    s.name AS sweep,
    s.description,
    s.recipe,
    s.dataset_requested,
    s.dataset,
    (SELECT count(*) FROM sweep_runs m WHERE m.sweep_id = s.sweep_id AND m.current = 1) AS runs,
    (SELECT count(*) FROM sweep_runs m JOIN runs r USING (run_id)
     WHERE m.sweep_id = s.sweep_id AND m.current = 1 AND r.state = 'completed') AS completed,
    (SELECT count(*) FROM sweep_runs m JOIN runs r USING (run_id)
     WHERE m.sweep_id = s.sweep_id AND m.current = 1 AND r.state = 'diverged') AS diverged,
    (SELECT count(*) FROM sweep_runs m JOIN runs r USING (run_id)
     WHERE m.sweep_id = s.sweep_id AND m.current = 1 AND r.state = 'failed') AS failed,
    s.file,
    s.axes,
    s.program_version,
    s.machine,
    strftime('%Y-%m-%dT%H:%M:%SZ', s.created_ms / 1000, 'unixepoch') AS created,
    strftime('%Y-%m-%dT%H:%M:%SZ', s.updated_ms / 1000, 'unixepoch') AS updated
FROM sweeps s;

CREATE VIEW summaries_named AS
SELECT
    r.id AS run,
    m.name AS metric,
    s.count,
    s.finite,
    s.last_step,
    s.last_value,
    k.name AS last_kind,
    s.min,
    s.max,
    s.best,
    s.best_step,
    m.unit
FROM summaries s
JOIN runs r USING (run_id)
JOIN metrics m USING (metric_id)
JOIN value_kinds k ON k.kind = s.last_kind;

CREATE VIEW points_named AS
SELECT
    r.id AS run,
    m.name AS metric,
    p.step,
    p.value,
    k.name AS kind,
    p.attempt
FROM points p
JOIN runs r USING (run_id)
JOIN metrics m USING (metric_id)
JOIN value_kinds k ON k.kind = p.kind;

CREATE VIEW samples_named AS
SELECT
    r.id AS run,
    s.step,
    s.epoch,
    s.rows,
    s.cols,
    s.height,
    s.width,
    length(s.png) AS bytes,
    s.attempt,
    strftime('%Y-%m-%dT%H:%M:%SZ', s.at_ms / 1000, 'unixepoch') AS at
FROM samples s
JOIN runs r USING (run_id);

CREATE VIEW attempts_named AS
SELECT
    r.id AS run,
    a.attempt,
    a.state,
    a.cause,
    a.device,
    a.backend,
    a.lane,
    a.lanes,
    a.pid,
    a.host,
    a.from_step,
    a.step,
    strftime('%Y-%m-%dT%H:%M:%SZ', a.began_ms / 1000, 'unixepoch') AS began,
    strftime('%Y-%m-%dT%H:%M:%SZ', a.started_ms / 1000, 'unixepoch') AS started,
    strftime('%Y-%m-%dT%H:%M:%SZ', a.ended_ms / 1000, 'unixepoch') AS ended
FROM attempts a
JOIN runs r USING (run_id);

CREATE VIEW config_values_named AS
SELECT
    r.id AS run,
    v.key,
    v.type,
    v.value
FROM runs r
JOIN config_values v USING (config_id);

CREATE VIEW run_overview AS
SELECT
    s.name AS sweep,
    m.position,
    r.id,
    coalesce(
        m.label,
        (SELECT f.label FROM sweep_runs f WHERE f.run_id = r.run_id ORDER BY f.sweep_id DESC LIMIT 1),
        r.id
    ) AS label,
    r.state,
    r.cause,
    r.seed,
    c.json ->> '$.data.dataset' AS dataset,
    a.device,
    a.backend,
    a.lane,
    a.lanes,
    r.attempts,
    r.epochs,
    r.total_steps,
    r.step,
    coalesce(
        r.seconds,
        (SELECT q.last_value FROM summaries q
         WHERE q.run_id = r.run_id AND q.metric_id = (SELECT metric_id FROM metrics WHERE name = 'seconds')),
        0.0
    ) AS seconds,
    (SELECT i.last_value / nullif(t.last_value, 0.0) FROM summaries i JOIN summaries t USING (run_id)
     WHERE i.run_id = r.run_id
       AND i.metric_id = (SELECT metric_id FROM metrics WHERE name = 'images_seen')
       AND t.metric_id = (SELECT metric_id FROM metrics WHERE name = 'seconds')) AS images_per_second,
    (SELECT q.last_value FROM summaries q
     WHERE q.run_id = r.run_id
       AND q.metric_id = (SELECT metric_id FROM metrics WHERE name = 'epoch_d_loss')) AS epoch_d_loss,
    (SELECT q.last_value FROM summaries q
     WHERE q.run_id = r.run_id
       AND q.metric_id = (SELECT metric_id FROM metrics WHERE name = 'epoch_g_loss')) AS epoch_g_loss,
    (SELECT q.last_value FROM summaries q
     WHERE q.run_id = r.run_id
       AND q.metric_id = (SELECT metric_id FROM metrics WHERE name = 'epoch_d_real')) AS d_real,
    (SELECT q.last_value FROM summaries q
     WHERE q.run_id = r.run_id
       AND q.metric_id = (SELECT metric_id FROM metrics WHERE name = 'epoch_d_fake_after')) AS d_fake,
    c.json ->> '$.optimizer.generator.lr' AS lr_g,
    c.json ->> '$.optimizer.discriminator.lr' AS lr_d,
    c.json ->> '$.optimizer.generator.beta1' AS beta1_g,
    c.json ->> '$.optimizer.discriminator.beta1' AS beta1_d,
    c.json ->> '$.train.batch_size' AS batch_size,
    c.json ->> '$.model.latent_dim' AS latent_dim,
    c.json ->> '$.model.generator.hidden' AS hidden_g,
    c.json ->> '$.model.discriminator.hidden' AS hidden_d,
    c.json ->> '$.model.generator.dropout' AS dropout_g,
    c.json ->> '$.model.discriminator.dropout' AS dropout_d,
    c.json ->> '$.loss.label_smoothing' AS label_smoothing,
    coalesce(
        (SELECT json_group_object(j.value ->> '$.key', j.value -> '$.value') FROM json_each(m.assignments) j),
        '{}'
    ) AS swept,
    c.json AS config,
    c.hash AS config_hash,
    r.data_fingerprint,
    strftime('%Y-%m-%dT%H:%M:%SZ', r.created_ms / 1000, 'unixepoch') AS created,
    strftime('%Y-%m-%dT%H:%M:%SZ', r.started_ms / 1000, 'unixepoch') AS started,
    strftime('%Y-%m-%dT%H:%M:%SZ', r.ended_ms / 1000, 'unixepoch') AS ended
FROM runs r
JOIN configs c USING (config_id)
LEFT JOIN sweep_runs m ON m.run_id = r.run_id AND m.current = 1
LEFT JOIN sweeps s ON s.sweep_id = m.sweep_id
LEFT JOIN attempts a ON a.run_id = r.run_id AND a.attempt = r.attempts;
