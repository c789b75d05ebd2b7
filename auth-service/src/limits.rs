//! How often somebody may try to sign in. What servers limit as well is `bailiwick_limits`'s.

pub(crate) mod sign_ins;
