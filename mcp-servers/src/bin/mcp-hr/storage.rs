//! The SQL of the HR server, one file per entity. Spoken to in the words of the domain; decides
//! nothing.

pub(crate) mod employees;
pub(crate) mod leave;
pub(crate) mod reviews;
pub(crate) mod summary;
