//! What the processor can do at most: signatures and nothing else, with the library and the kind of
//! key that auth-service signs with, on every core at once as it does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{available_parallelism, scope};
use std::time::{Duration, Instant};

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use bailiwick_core::Algorithm;

use crate::cpu;
use crate::error::{BenchError, system};
use crate::load::Slice;

/// The bytes that are signed: as many as a token of ours has before its signature.
pub const MESSAGE: [u8; 480] = [b'x'; 480];

/// A parsed key.
#[derive(Debug)]
pub enum SigningLoop {
    /// RS256, 2048 bits.
    Rs256(RsaKeyPair),
    /// ES256.
    Es256(EcdsaKeyPair),
    /// EdDSA with Ed25519.
    EdDsa(Ed25519KeyPair),
}

impl SigningLoop {
    /// With a new key.
    pub fn new(algorithm: Algorithm) -> Result<Self, BenchError> {
        Ok(match algorithm {
            Algorithm::RS256 => Self::Rs256(RsaKeyPair::generate(KeySize::Rsa2048)?),
            Algorithm::ES256 => Self::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?),
            Algorithm::EdDSA => Self::EdDsa(Ed25519KeyPair::generate()?),
        })
    }

    fn sign(&self, random: &SystemRandom, space: &mut Vec<u8>) -> Result<(), Unspecified> {
        match self {
            Self::Rs256(key) => {
                space.resize(key.public_modulus_len(), 0);
                key.sign(&RSA_PKCS1_SHA256, random, &MESSAGE, space)
            }
            Self::Es256(key) => key.sign(random, &MESSAGE).map(drop),
            Self::EdDsa(key) => key.try_sign(&MESSAGE).map(drop),
        }
    }

    /// Signs on every core for as long as `window`.
    pub fn slice(&self, window: Duration) -> Result<Slice, BenchError> {
        let threads = available_parallelism().map_or(1, usize::from);
        let over = AtomicBool::new(false);
        let began = Instant::now();
        let parts = scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| self.work(&over))).collect();
            std::thread::sleep(window);
            over.store(true, Ordering::Relaxed);
            // A worker that panicked has signed nothing.
            workers.into_iter().map(|worker| worker.join().unwrap_or(Err(Unspecified.into()))).collect::<Vec<_>>()
        });
        let seconds = began.elapsed().as_secs_f64();
        let (mut requests, mut cpu) = (0, Duration::ZERO);
        for part in parts {
            let (signed, used) = part?;
            requests += signed;
            cpu += used;
        }
        let cpu_seconds = cpu.as_secs_f64();
        // They come one after the other, all alike.
        let each = cpu_seconds * 1e3 / f64::from(requests.max(1));
        Ok(Slice { requests, seconds, cpu_seconds, p50_ms: each, p99_ms: each })
    }

    fn work(&self, over: &AtomicBool) -> Result<(u32, Duration), BenchError> {
        let clock = || cpu::of_this_thread().map_err(system("the CPU time of a thread"));
        let (random, mut space) = (SystemRandom::new(), Vec::new());
        let began = clock()?;
        let mut signed = 0;
        while !over.load(Ordering::Relaxed) {
            self.sign(&random, &mut space)?;
            signed += 1;
        }
        Ok((signed, clock()?.saturating_sub(began)))
    }
}
