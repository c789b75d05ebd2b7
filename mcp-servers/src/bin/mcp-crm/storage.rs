//! The SQL of the CRM server, one file per entity. Spoken to in the words of the domain; decides
//! nothing.

pub(crate) mod customers;
pub(crate) mod deals;
pub(crate) mod interactions;
pub(crate) mod opportunities;
pub(crate) mod summary;
