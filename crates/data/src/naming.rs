//! How a user says where their own images are.

/// Where a user says where their own images are, and what to do with damaged ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// With keys of an experiment file.
    Keys,
    /// With options of a command.
    Options,
}

impl Naming {
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Keys => "`data.path`",
            Self::Options => "--path",
        }
    }

    pub(crate) const fn skip_damaged(self) -> &'static str {
        match self {
            Self::Keys => "`data.skip_damaged = true`",
            Self::Options => "--skip-damaged",
        }
    }

    pub(crate) const fn side(self) -> &'static str {
        match self {
            Self::Keys => "`data.side`",
            Self::Options => "--side",
        }
    }
}
