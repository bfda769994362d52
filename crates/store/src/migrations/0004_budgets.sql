-- Version 4. A run is trained as far as any sweep asks, each entry of a plan is a view of it up to a
-- budget of its own, and ids no longer depend on budgets. What SQL cannot do follows in `reidentify.rs`.

DROP VIEW run_overview;
DROP VIEW sweep_overview;

ALTER TABLE sweeps ADD COLUMN call TEXT CHECK (json_valid(call));

-- A run that is completed is recorded up to its last step, and a diverged one up to the step before
-- the one whose losses were not finite; of the others, what lies before the checkpoint is sure to stay.
ALTER TABLE runs ADD COLUMN steps_per_epoch INTEGER NOT NULL DEFAULT 1 CHECK (steps_per_epoch >= 1);
ALTER TABLE runs ADD COLUMN confirmed_step INTEGER NOT NULL DEFAULT 0 CHECK (confirmed_step >= 0);
UPDATE runs SET
    steps_per_epoch = max(1, total_steps / max(1, epochs)),
    confirmed_step = max(
        coalesce((SELECT c.step FROM checkpoints c WHERE c.run_id = runs.run_id), 0),
        CASE state WHEN 'completed' THEN total_steps WHEN 'diverged' THEN step - 1 ELSE 0 END
    );

CREATE TABLE budgeted_runs (
    sweep_id    INTEGER NOT NULL REFERENCES sweeps,
    run_id      INTEGER NOT NULL REFERENCES runs,
    epochs      INTEGER NOT NULL CHECK (epochs >= 1),
    position    INTEGER NOT NULL CHECK (position >= 0),
    label       TEXT NOT NULL,
    assignments TEXT NOT NULL CHECK (json_valid(assignments)),
    current     INTEGER NOT NULL CHECK (current IN (0, 1)),
    PRIMARY KEY (sweep_id, run_id, epochs)
) STRICT, WITHOUT ROWID;
INSERT INTO budgeted_runs
SELECT m.sweep_id, m.run_id, max(1, r.epochs), m.position, m.label, m.assignments, m.current
FROM sweep_runs m JOIN runs r USING (run_id);
DROP TABLE sweep_runs;
ALTER TABLE budgeted_runs RENAME TO sweep_runs;
CREATE INDEX sweep_runs_by_run ON sweep_runs (run_id);

ALTER TABLE runs DROP COLUMN epochs;
ALTER TABLE runs DROP COLUMN total_steps;

ALTER TABLE attempts ADD COLUMN kept_step INTEGER NOT NULL DEFAULT 0 CHECK (kept_step >= 0);

ALTER TABLE checkpoints ADD COLUMN written_for TEXT;

CREATE VIEW entries AS
SELECT
    sweep_id,
    position,
    run_id,
    label,
    assignments,
    epochs,
    epochs * steps_per_epoch AS total_steps,
    CASE
        WHEN confirmed_step >= epochs * steps_per_epoch THEN 'completed'
        WHEN state = 'completed' THEN 'interrupted'
        ELSE state
    END AS state
FROM (
    SELECT
        m.sweep_id,
        m.position,
        r.run_id,
        m.label,
        m.assignments,
        coalesce(
            m.epochs,
            (SELECT max(f.epochs) FROM sweep_runs f WHERE f.run_id = r.run_id),
            max(1, r.confirmed_step / r.steps_per_epoch)
        ) AS epochs,
        r.steps_per_epoch,
        r.confirmed_step,
        r.state
    FROM runs r LEFT JOIN sweep_runs m ON m.run_id = r.run_id AND m.current = 1
);

CREATE VIEW sweep_overview AS
SELECT
    s.name AS sweep,
    s.description,
    s.recipe,
    s.dataset_requested,
    s.dataset,
    (SELECT count(*) FROM entries e WHERE e.sweep_id = s.sweep_id) AS runs,
    (SELECT count(*) FROM entries e WHERE e.sweep_id = s.sweep_id AND e.state = 'completed') AS completed,
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

CREATE VIEW run_overview AS
SELECT
    s.name AS sweep,
    e.position,
    r.id,
    coalesce(
        e.label,
        (SELECT f.label FROM sweep_runs f WHERE f.run_id = r.run_id ORDER BY f.sweep_id DESC, f.epochs DESC LIMIT 1),
        r.id
    ) AS label,
    e.state,
    CASE
        WHEN e.state = r.state THEN r.cause
        WHEN e.state <> 'completed'
            THEN 'trained for ' || (r.confirmed_step / r.steps_per_epoch) || ' of ' || e.epochs || ' epochs so far'
    END AS cause,
    r.seed,
    c.json ->> '$.data.dataset' AS dataset,
    a.device,
    a.backend,
    a.lane,
    a.lanes,
    r.attempts,
    e.epochs,
    e.total_steps,
    min(r.step, e.total_steps) AS step,
    coalesce(
        CASE WHEN r.step <= e.total_steps THEN r.seconds END,
        (SELECT p.value FROM points p
         WHERE p.run_id = r.run_id AND p.step <= e.total_steps
           AND p.metric_id = (SELECT metric_id FROM metrics WHERE name = 'seconds')
         ORDER BY p.step DESC LIMIT 1),
        0.0
    ) AS seconds,
    (SELECT p.value FROM points p
     WHERE p.run_id = r.run_id AND p.step <= e.total_steps
       AND p.metric_id = (SELECT metric_id FROM metrics WHERE name = 'images_seen')
     ORDER BY p.step DESC LIMIT 1) / nullif(
        (SELECT p.value FROM points p
         WHERE p.run_id = r.run_id AND p.step <= e.total_steps
           AND p.metric_id = (SELECT metric_id FROM metrics WHERE name = 'seconds')
         ORDER BY p.step DESC LIMIT 1), 0.0) AS images_per_second,
    (SELECT p.value FROM points p
     WHERE p.run_id = r.run_id AND p.step <= e.total_steps
       AND p.metric_id = (SELECT metric_id FROM metrics WHERE name = 'epoch_d_loss')
     ORDER BY p.step DESC LIMIT 1) AS epoch_d_loss,
    (SELECT p.value FROM points p
     WHERE p.run_id = r.run_id AND p.step <= e.total_steps
       AND p.metric_id = (SELECT metric_id FROM metrics WHERE name = 'epoch_g_loss')
     ORDER BY p.step DESC LIMIT 1) AS epoch_g_loss,
    (SELECT p.value FROM points p
     WHERE p.run_id = r.run_id AND p.step <= e.total_steps
       AND p.metric_id = (SELECT metric_id FROM metrics WHERE name = 'epoch_d_real')
     ORDER BY p.step DESC LIMIT 1) AS d_real,
    (SELECT p.value FROM points p
     WHERE p.run_id = r.run_id AND p.step <= e.total_steps
       AND p.metric_id = (SELECT metric_id FROM metrics WHERE name = 'epoch_d_fake_after')
     ORDER BY p.step DESC LIMIT 1) AS d_fake,
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
        (SELECT json_group_object(j.value ->> '$.key', j.value -> '$.value') FROM json_each(e.assignments) j),
        '{}'
    ) AS swept,
    c.json AS config,
    c.hash AS config_hash,
    r.data_fingerprint,
    strftime('%Y-%m-%dT%H:%M:%SZ', r.created_ms / 1000, 'unixepoch') AS created,
    strftime('%Y-%m-%dT%H:%M:%SZ', r.started_ms / 1000, 'unixepoch') AS started,
    strftime('%Y-%m-%dT%H:%M:%SZ', r.ended_ms / 1000, 'unixepoch') AS ended
FROM entries e
JOIN runs r USING (run_id)
JOIN configs c USING (config_id)
LEFT JOIN sweeps s ON s.sweep_id = e.sweep_id
LEFT JOIN attempts a ON a.run_id = r.run_id AND a.attempt = r.attempts;
