-- Version 7. A checksum over all rows of a table that belong to a run, a config or a sweep, so that every change is found that
-- this program has not made. Filled by `checksums.rs` at the end of each migration.
CREATE TABLE checksums (
    table_name TEXT NOT NULL,
    owner      INTEGER NOT NULL,
    checksum   INTEGER NOT NULL,
    PRIMARY KEY (table_name, owner)
) STRICT, WITHOUT ROWID;
