//! What goes over the connection to a worker: a head and the component's bytes there, an answer and its bytes back. Not
//! here: the connection.
//!
//! ```text
//! head    "ATcc\x01" · kind u8 · fuel u8 · adapt u8 · stack u32 · length u64     (integers little-endian)
//! answer  kind u8 · length u64
//! ```

use crate::engine::{EngineKind, Flavour};
use crate::inspect::MAX_COMPONENT;
use crate::limits::{MAX_STACK, STACK_STEP};

const MAGIC: [u8; 5] = *b"ATcc\x01";
pub(super) const HEAD_LEN: usize = 20;
pub(super) const ANSWER_LEN: usize = 9;
/// The most bytes of native code.
pub(super) const MAX_CODE: u64 = 4 << 30;
/// The most bytes of an error's text.
pub(super) const MAX_ERROR: usize = 64 << 10;

/// What a worker is told first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: EngineKind,
    pub(super) flavour: Flavour,
    pub(super) adapt: bool,
    pub(super) len: u64,
}

impl Head {
    pub(super) fn encode(&self) -> [u8; HEAD_LEN] {
        let mut out = [0; HEAD_LEN];
        out[..5].copy_from_slice(&MAGIC);
        out[5] = u8::from(self.kind == EngineKind::Interpreter);
        out[6] = u8::from(self.flavour.fuel);
        out[7] = u8::from(self.adapt);
        out[8..12].copy_from_slice(&self.flavour.stack.to_le_bytes());
        out[12..].copy_from_slice(&self.len.to_le_bytes());
        out
    }

    pub(super) fn decode(bytes: &[u8; HEAD_LEN]) -> Option<Self> {
        let flag = |byte: u8| (byte <= 1).then_some(byte == 1);
        let stack = u32::from_le_bytes(bytes[8..12].try_into().ok()?);
        let len = u64::from_le_bytes(bytes[12..].try_into().ok()?);
        let sane = bytes[..5] == MAGIC
            && (1..=MAX_STACK / STACK_STEP).contains(&u64::from(stack))
            && len <= MAX_COMPONENT as u64;
        sane.then_some(())?;
        Some(Self {
            kind: if flag(bytes[5])? {
                EngineKind::Interpreter
            } else {
                EngineKind::Cranelift
            },
            flavour: Flavour {
                fuel: flag(bytes[6])?,
                stack,
            },
            adapt: flag(bytes[7])?,
            len,
        })
    }
}

/// What comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Native code.
    Code = 0,
    /// The module cannot be adapted.
    Adapt = 1,
    /// The component does not compile.
    Compile = 2,
    /// The worker ended; the keeper says how.
    Ended = 3,
}

pub(super) fn encode_answer(answer: Answer, len: u64) -> [u8; ANSWER_LEN] {
    let mut out = [0; ANSWER_LEN];
    out[0] = answer as u8;
    out[1..].copy_from_slice(&len.to_le_bytes());
    out
}

pub(super) fn decode_answer(bytes: &[u8; ANSWER_LEN]) -> Option<(Answer, u64)> {
    let len = u64::from_le_bytes(bytes[1..].try_into().ok()?);
    let (answer, most) = match bytes[0] {
        0 => (Answer::Code, MAX_CODE),
        1 => (Answer::Adapt, MAX_ERROR as u64),
        2 => (Answer::Compile, MAX_ERROR as u64),
        3 => (Answer::Ended, MAX_ERROR as u64),
        _ => return None,
    };
    (len <= most).then_some((answer, len))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    // Both sides mean the same, and nothing else is taken.
    #[test]
    fn heads_and_answers_read_back_and_anything_else_is_refused() {
        let head = Head {
            kind: EngineKind::Interpreter,
            flavour: Flavour { fuel: true, stack: 64 },
            adapt: true,
            len: 1 << 20,
        };
        let bytes = head.encode();
        assert_eq!(Head::decode(&bytes), Some(head));
        for (at, byte) in [(0, 0), (5, 2), (6, 9), (7, 255), (8, 0), (11, 255), (19, 1)] {
            let mut bad = bytes;
            bad[at] = byte;
            assert_eq!(Head::decode(&bad), None, "{at}");
        }
        let answer = encode_answer(Answer::Compile, 5);
        assert_eq!(decode_answer(&answer), Some((Answer::Compile, 5)));
        assert_eq!(decode_answer(&encode_answer(Answer::Compile, u64::MAX)), None);
        assert_eq!(decode_answer(&[9; ANSWER_LEN]), None);
    }
}
