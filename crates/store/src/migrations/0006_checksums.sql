-- Version 6. A checksum over each series of points, so that a changed value is found. NULL where an older version
-- recorded the series; it is filled when the series is next summarised.
ALTER TABLE summaries ADD COLUMN checksum INTEGER;
