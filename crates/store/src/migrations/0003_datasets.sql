-- Version 3. The spec of every dataset that runs train on: no reader has to guess the shape of images
-- or the length of an epoch.

CREATE TABLE datasets (
    data_fingerprint TEXT PRIMARY KEY,
    dataset          TEXT NOT NULL,
    channels         INTEGER NOT NULL CHECK (channels >= 1),
    height           INTEGER NOT NULL CHECK (height >= 1),
    width            INTEGER NOT NULL CHECK (width >= 1),
    classes          INTEGER NOT NULL CHECK (classes >= 1),
    train_images     INTEGER NOT NULL CHECK (train_images >= 1),
    test_images      INTEGER NOT NULL CHECK (test_images >= 0)
) STRICT, WITHOUT ROWID;

-- Until now there were no datasets but those made after MNIST.
INSERT INTO datasets
SELECT r.data_fingerprint, min(c.json ->> '$.data.dataset'), 1, 28, 28, 10, 60000, 10000
FROM runs r JOIN configs c USING (config_id) GROUP BY r.data_fingerprint;
