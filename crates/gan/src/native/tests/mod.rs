//! Whole steps against an independent formula, and what must not change a bit.
