//! Secrets as types: never printed, never copied, wiped from memory when they are dropped. Hashing them is
//! [`super::hash`]'s.

pub(crate) use bailiwick_process::{ClientSecret, Secret};
