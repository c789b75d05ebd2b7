//! Limits on callers: who a caller is by address, and how many failures one may have. Knows
//! nothing of HTTP; header texts are arguments.

pub(crate) mod address;
pub(crate) mod failures;
pub(crate) mod sign_ins;
