-- More of each metric's declaration: the charts that it is drawn with, when it is measured, its range.
ALTER TABLE metrics ADD COLUMN chart_group TEXT;
ALTER TABLE metrics ADD COLUMN cadence TEXT NOT NULL DEFAULT 'clock'
    CHECK (cadence IN ('step', 'epoch', 'point', 'clock'));
ALTER TABLE metrics ADD COLUMN low REAL;
ALTER TABLE metrics ADD COLUMN high REAL;
