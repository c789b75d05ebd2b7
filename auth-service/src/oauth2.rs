//! The OAuth endpoints, one file each. An endpoint is a list of checks and then one domain
//! operation; it never speaks SQL.

pub mod authorization_request;
pub mod authorize;
pub mod client_authentication;
pub mod error;
pub mod form;
pub mod introspect;
pub mod jwks;
pub mod metadata;
pub mod revoke;
pub mod standing;
pub mod token;
