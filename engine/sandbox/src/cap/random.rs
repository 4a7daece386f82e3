//! Randomness: BLAKE3 streams keyed by a seed. A pure step's is its static key, so they are the same on every run and
//! different between steps; a step that sees the world gets a fresh one from the operating system. Not here: which.

use wasmtime::component::{HasData, Linker};

use crate::bindings::wasi::random::{insecure, insecure_seed, random};
use crate::control::{Tracer, traced};
use crate::limits::Struck;
use crate::state::State;

/// Marks this capability in a linker.
pub(crate) struct Random;

/// The state of the capability: three streams that tell nothing of each other.
pub(crate) struct RandomCtx {
    seed: [u8; 32],
    /// The most bytes of one call.
    limit: u64,
    /// Hears what was drawn.
    pub(crate) trace: Tracer,
    secure: Option<blake3::OutputReader>,
    insecure: Option<blake3::OutputReader>,
}

/// A borrow of the state.
pub(crate) struct RandomView<'a> {
    pub(crate) ctx: &'a mut RandomCtx,
}

impl HasData for Random {
    type Data<'a> = RandomView<'a>;
}

/// Links all of `wasi:random`.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    random::add_to_linker::<State, Random>(linker, State::random)?;
    insecure::add_to_linker::<State, Random>(linker, State::random)?;
    insecure_seed::add_to_linker::<State, Random>(linker, State::random)
}

fn stream(context: &str, seed: &[u8; 32]) -> blake3::OutputReader {
    blake3::Hasher::new_derive_key(context).update(seed).finalize_xof()
}

fn take<const N: usize>(reader: &mut blake3::OutputReader) -> [u8; N] {
    let mut bytes = [0; N];
    reader.fill(&mut bytes);
    bytes
}

fn fill(reader: &mut blake3::OutputReader, len: u64, limit: u64) -> wasmtime::Result<Vec<u8>> {
    if len > limit {
        return Err(Struck::Random(limit).into());
    }
    let mut bytes = vec![0; usize::try_from(len)?];
    reader.fill(&mut bytes);
    Ok(bytes)
}

impl RandomCtx {
    /// The streams of `seed`. `limit` bounds the bytes of one call.
    pub(crate) fn new(seed: [u8; 32], limit: u64) -> Self {
        Self {
            seed,
            limit,
            trace: Tracer::default(),
            secure: None,
            insecure: None,
        }
    }

    /// Whether the guest took any.
    pub(crate) fn was_drawn(&self) -> bool {
        self.secure.is_some() || self.insecure.is_some()
    }

    fn secure(&mut self) -> &mut blake3::OutputReader {
        self.secure
            .get_or_insert_with(|| stream("airtight random stream v1", &self.seed))
    }

    fn insecure(&mut self) -> &mut blake3::OutputReader {
        self.insecure
            .get_or_insert_with(|| stream("airtight insecure random stream v1", &self.seed))
    }
}

impl random::Host for RandomView<'_> {
    fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        let limit = self.ctx.limit;
        let bytes = fill(self.ctx.secure(), len, limit)?;
        self.ctx
            .trace
            .call(|| format!("random get-random-bytes: {}", traced(&bytes)));
        Ok(bytes)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        let number = take(self.ctx.secure());
        self.ctx
            .trace
            .call(|| format!("random get-random-u64: {}", traced(&number)));
        Ok(u64::from_le_bytes(number))
    }
}

impl insecure::Host for RandomView<'_> {
    fn get_insecure_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        let limit = self.ctx.limit;
        let bytes = fill(self.ctx.insecure(), len, limit)?;
        self.ctx
            .trace
            .call(|| format!("random get-insecure-random-bytes: {}", traced(&bytes)));
        Ok(bytes)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        let number = take(self.ctx.insecure());
        self.ctx
            .trace
            .call(|| format!("random get-insecure-random-u64: {}", traced(&number)));
        Ok(u64::from_le_bytes(number))
    }
}

impl insecure_seed::Host for RandomView<'_> {
    // The interface lets a program ask once or often; it is one value either way.
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        let mut reader = stream("airtight insecure random seed v1", &self.ctx.seed);
        Ok((
            u64::from_le_bytes(take(&mut reader)),
            u64::from_le_bytes(take(&mut reader)),
        ))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    // The three sources of one step do not repeat each other, and two steps differ.
    #[test]
    fn streams_are_the_same_for_a_seed_and_differ_otherwise() {
        let draw = |seed| {
            let mut ctx = RandomCtx::new([seed; 32], 1 << 10);
            let mut view = RandomView { ctx: &mut ctx };
            let secure = random::Host::get_random_bytes(&mut view, 16).unwrap();
            let insecure = insecure::Host::get_insecure_random_bytes(&mut view, 16).unwrap();
            let seed = insecure_seed::Host::insecure_seed(&mut view).unwrap();
            assert_ne!(secure, insecure);
            assert_ne!(seed.0.to_le_bytes(), secure[..8]);
            (secure, insecure, seed)
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    // A guest cannot make the host allocate what it likes.
    #[test]
    fn a_huge_request_is_refused() {
        let mut ctx = RandomCtx::new([0; 32], 64 << 20);
        assert!(random::Host::get_random_bytes(&mut RandomView { ctx: &mut ctx }, u64::MAX).is_err());
    }
}
