//! Where random bytes come from. Owns the trait by which randomness is passed in, so that tests can
//! make it repeat or fail; never falls back to a weaker source.

/// The source of randomness had none to give. Nothing may be generated then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gives no random bytes; try again, and look at the host if it stays so")]
pub(crate) struct NoEntropy;

/// A source of bytes that nobody can guess. Processes pass [`SystemEntropy`].
pub(crate) trait Entropy: Send + Sync {
    /// Fills all of `bytes`.
    ///
    /// # Errors
    /// [`NoEntropy`] where it cannot; `bytes` holds nothing usable then.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy>;
}

impl<F: Fn(&mut [u8]) -> Result<(), NoEntropy> + Send + Sync> Entropy for F {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        self(bytes)
    }
}

/// The library's generator, seeded by the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SystemEntropy;

impl SystemEntropy {
    /// Lets the library seed itself, once for the process. It measures the jitter of the processor for
    /// that, some 20 ms; whoever asks meanwhile waits for it, and finds the rest done.
    pub(crate) fn seed() {
        // Without randomness there is nothing to do here: whoever needs some is told.
        let _ = Self.fill(&mut [0]);
    }
}

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        aws_lc_rs::rand::fill(bytes).map_err(|_| NoEntropy)
    }
}

/// An array of random bytes.
///
/// # Errors
/// [`NoEntropy`] where the source has none.
pub(crate) fn random<const LENGTH: usize>(entropy: &dyn Entropy) -> Result<[u8; LENGTH], NoEntropy> {
    let mut bytes = [0; LENGTH];
    entropy.fill(&mut bytes)?;
    Ok(bytes)
}
