//! The guard in front of a real rmcp server, with a real issuer on loopback that the tests make and
//! break. One file per topic.
#![expect(clippy::unwrap_used, reason = "a test may panic; that is how it fails")]

mod attacks;
mod building;
mod challenges;
mod feed;
mod feed_faults;
mod hearing;
mod issuer;
mod keys;
mod listing;
mod logs;
mod metadata;
mod methods;
mod modes;
mod origins;
mod places;
mod records;
mod revocations;
mod scene;
mod server;
mod sessions;
mod streams;
mod time;
mod token_rules;
mod unread;
mod versions;
