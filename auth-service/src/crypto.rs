//! Cryptography of the token service, thin over the libraries: secrets and their hashes, the pool
//! that hashes, signing keys, and sealing of what is stored. Knows nothing of HTTP, of storage and
//! of what a client or a user is beyond a name.

pub(crate) mod entropy;
pub(crate) mod fair_queue;
pub(crate) mod handle;
pub(crate) mod hash;
pub(crate) mod master_key;
pub(crate) mod pool;
pub(crate) mod sealing;
pub(crate) mod secret;
pub(crate) mod signing;
mod thumbprint;
pub(crate) mod verified;
