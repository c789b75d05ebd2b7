//! The SQL of the project server, one file per entity. Spoken to in the words of the domain; decides
//! nothing.

pub(crate) mod milestones;
pub(crate) mod summary;
pub(crate) mod tasks;
pub(crate) mod team;
