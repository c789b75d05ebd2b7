//! What the token service and its guards must agree on, and nothing else.
//!
//! Owns the words (identifiers, scopes, roles, tools), the access token (its form, its claims and
//! their checks) and the one decision: may this set of scopes call this tool?
//!
//! Pure by rule: no I/O, no clock of its own, no randomness, no async. Time is an argument
//! everywhere, so that every rule can be proved by a plain test.

pub mod claims;
pub mod decision;
pub mod identifier;
pub mod json;
pub mod jwt;
pub mod key;
pub mod resolve;
pub mod revocation;
pub mod scope;
pub mod secret_digest;
pub mod time;
pub mod token;
pub mod tool;

pub use claims::{Claims, Expected};
pub use decision::{Decision, decide};
pub use identifier::{ClientId, Issuer, KeyId, ResourceUri, RoleName, TokenId};
pub use jwt::{JwtClaims, JwtExpected, JwtHeader, JwtKey, SharedSecret, ShortSecret};
pub use key::{Algorithm, KeySet, VerifyingKey};
pub use resolve::{Refusal, resolve};
pub use revocation::{Revocation, Subject, SubjectKind};
pub use scope::{Scope, ScopeSet, ServerName, What};
pub use secret_digest::SecretDigest;
pub use time::{Clock, UnixSeconds};
pub use token::{InvalidToken, SignedToken};
pub use tool::{Tool, ToolKind, ToolName, Tools};
