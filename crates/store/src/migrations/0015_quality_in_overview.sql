-- Version 15. A run's latest quality figures in its overview.
DROP VIEW run_overview;
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
    (SELECT p.value FROM points p
     WHERE p.run_id = r.run_id AND p.step <= e.total_steps
       AND p.metric_id = (SELECT metric_id FROM metrics WHERE name = 'fd')
     ORDER BY p.step DESC LIMIT 1) AS fd,
    (SELECT p.value FROM points p
     WHERE p.run_id = r.run_id AND p.step <= e.total_steps
       AND p.metric_id = (SELECT metric_id FROM metrics WHERE name = 'precision')
     ORDER BY p.step DESC LIMIT 1) AS precision,
    (SELECT p.value FROM points p
     WHERE p.run_id = r.run_id AND p.step <= e.total_steps
       AND p.metric_id = (SELECT metric_id FROM metrics WHERE name = 'recall')
     ORDER BY p.step DESC LIMIT 1) AS recall,
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
    (SELECT group_concat(tag, ', ') FROM (SELECT tag FROM tags t WHERE t.run_id = r.run_id ORDER BY tag)) AS tags,
    strftime('%Y-%m-%dT%H:%M:%SZ', r.created_ms / 1000, 'unixepoch') AS created,
    strftime('%Y-%m-%dT%H:%M:%SZ', r.started_ms / 1000, 'unixepoch') AS started,
    strftime('%Y-%m-%dT%H:%M:%SZ', r.ended_ms / 1000, 'unixepoch') AS ended
FROM entries e
JOIN runs r USING (run_id)
JOIN configs c USING (config_id)
LEFT JOIN sweeps s ON s.sweep_id = e.sweep_id
LEFT JOIN attempts a ON a.run_id = r.run_id AND a.attempt = r.attempts;
