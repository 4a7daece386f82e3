//! The canonical encoding: one value, one byte string. Not a general serialisation format: no schema, no skipping of
//! unknown fields, no compatibility between versions (a new version is a new magic).
//!
//! # The encoding, version 1
//!
//! * `bool`: one byte, 0 or 1. `u8`: itself. Enumerations: the variant's ordinal as an unsigned integer, then its fields.
//! * Unsigned integers (`u16`, `u32`, `u64`, lengths): LEB128, shortest form only, at most 10 bytes.
//! * Signed integers: zig-zag, then as unsigned. Floats: the IEEE 754 bits, little-endian, NaN as `7ff8…0`.
//! * Byte strings and UTF-8 texts: length in bytes, then the bytes. Digests: their 32 bytes.
//! * Sequences: count, then the items. Options: 0, or 1 and the value. Records: their fields in order, no names.
//! * Maps are sequences of pairs, strictly ascending by the bytes of the key.
//! * A stored document begins with a magic of four bytes and a version byte ([`Encoder::document`]).
//!
//! A decoder accepts exactly what an encoder writes: a longer integer form, an unsorted map, a byte beyond the end or
//! an unknown ordinal is an error, so two different byte strings never decode to the same value. Golden vectors are
//! in `tests/vectors.txt`.

/// Why bytes are not the canonical encoding of a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end before the value does.
    #[error("the bytes end at offset {offset}, inside {what}")]
    Truncated {
        /// Where the missing bytes would begin.
        offset: usize,
        /// What was being read.
        what: &'static str,
    },
    /// The bytes are there but cannot be what an encoder wrote.
    #[error("{what} at offset {offset}")]
    Invalid {
        /// Where the offending bytes end.
        offset: usize,
        /// What is wrong.
        what: &'static str,
    },
}

/// A value with a canonical encoding.
pub trait Canonical: Sized {
    /// Appends the value's encoding.
    fn encode(&self, out: &mut Encoder);
    /// Reads one value.
    ///
    /// # Errors
    /// Any input that [`Canonical::encode`] could not have written.
    fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError>;

    /// The encoding by itself, without a document's magic.
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Encoder::new();
        self.encode(&mut out);
        out.finish()
    }
}

/// Writes canonical encodings.
#[derive(Debug, Default)]
pub struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    /// Starts with nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts with nothing, and room for so many bytes.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
        }
    }

    /// Starts anew in the same room.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// What was written so far.
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    /// Starts a stored document: four bytes of magic and a version.
    pub fn document(magic: [u8; 4], version: u8) -> Self {
        let mut out = Self::new();
        out.raw(&magic);
        out.raw(&[version]);
        out
    }

    /// Appends bytes without a length.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends an unsigned integer.
    pub fn uint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push((value as u8 & 0x7f) | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    /// Appends a byte string with its length.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.uint(bytes.len() as u64);
        self.raw(bytes);
    }

    /// Appends a sequence.
    pub fn seq<'a, T: Canonical + 'a>(&mut self, items: impl ExactSizeIterator<Item = &'a T>) {
        self.uint(items.len() as u64);
        items.for_each(|item| item.encode(self));
    }

    /// Ends the encoding.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads canonical encodings.
#[derive(Debug)]
pub struct Decoder<'a> {
    bytes: &'a [u8],
    offset: usize,
    depth: u32,
}

/// How deep values may nest: a decoder never exhausts the stack on hostile bytes.
const MAX_DEPTH: u32 = 64;

impl<'a> Decoder<'a> {
    /// Reads from the beginning of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            offset: 0,
            depth: 0,
        }
    }

    /// Reads a document's magic and version.
    ///
    /// # Errors
    /// Another magic or version, or too few bytes.
    pub fn document(bytes: &'a [u8], magic: [u8; 4], version: u8) -> Result<Self, DecodeError> {
        let mut from = Self::new(bytes);
        if from.array::<4>()? != magic {
            return Err(from.invalid("another kind of document"));
        }
        if from.array::<1>()? != [version] {
            return Err(from.invalid("another version of this document"));
        }
        Ok(from)
    }

    /// How many bytes were read so far.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// An error at the present offset.
    pub fn invalid(&self, what: &'static str) -> DecodeError {
        DecodeError::Invalid {
            offset: self.offset,
            what,
        }
    }

    fn take(&mut self, len: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let end = self.offset.checked_add(len).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or(DecodeError::Truncated {
            offset: self.bytes.len(),
            what,
        })?;
        let slice = &self.bytes[self.offset..end];
        self.offset = end;
        Ok(slice)
    }

    /// Reads exactly `N` bytes.
    ///
    /// # Errors
    /// Too few bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N, "fixed bytes")?);
        Ok(out)
    }

    /// Reads an unsigned integer.
    ///
    /// # Errors
    /// Too few bytes, more than 64 bits, or a form that is not the shortest.
    pub fn uint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                return Err(self.invalid("an integer of more than 64 bits"));
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                if part == 0 && shift > 0 {
                    return Err(self.invalid("an integer that is not in its shortest form"));
                }
                return Ok(value);
            }
        }
        Err(self.invalid("an integer of more than 64 bits"))
    }

    /// Reads a byte string.
    ///
    /// # Errors
    /// Too few bytes.
    pub fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.uint()?;
        let len = usize::try_from(len).map_err(|_| self.invalid("a length beyond this machine"))?;
        self.take(len, "a byte string")
    }

    /// Reads a UTF-8 text.
    ///
    /// # Errors
    /// Too few bytes, or bytes that are not UTF-8.
    pub fn text(&mut self) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| self.invalid("a text that is not UTF-8"))
    }

    /// Reads the count of a sequence, which cannot exceed the bytes that are left: a decoder never allocates more
    /// than its input justifies.
    ///
    /// # Errors
    /// A count that the rest of the bytes cannot hold.
    pub fn count(&mut self) -> Result<usize, DecodeError> {
        let count = self.uint()?;
        let left = self.bytes.len() - self.offset;
        usize::try_from(count)
            .ok()
            .filter(|count| *count <= left)
            .ok_or_else(|| self.invalid("a count beyond the end"))
    }

    /// Reads a sequence.
    ///
    /// # Errors
    /// As its count and items.
    pub fn seq<T: Canonical>(&mut self) -> Result<Vec<T>, DecodeError> {
        let count = self.count()?;
        let mut items = Vec::with_capacity(count.min(1024));
        for _ in 0..count {
            items.push(T::decode(self)?);
        }
        Ok(items)
    }

    /// Reads a nested value, bounding the depth.
    ///
    /// # Errors
    /// More than 64 levels, or the value's own errors.
    pub fn nested<T: Canonical>(&mut self) -> Result<T, DecodeError> {
        if self.depth == MAX_DEPTH {
            return Err(self.invalid("a value nested deeper than 64 levels"));
        }
        self.depth += 1;
        let value = T::decode(self);
        self.depth -= 1;
        value
    }

    /// Ends the decoding.
    ///
    /// # Errors
    /// Bytes that are left over.
    pub fn finish(self) -> Result<(), DecodeError> {
        if self.offset == self.bytes.len() {
            Ok(())
        } else {
            Err(self.invalid("bytes after the end of the value"))
        }
    }
}

impl Canonical for bool {
    fn encode(&self, out: &mut Encoder) {
        out.raw(&[u8::from(*self)]);
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        match from.array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(from.invalid("a boolean that is neither 0 nor 1")),
        }
    }
}

macro_rules! canonical_uint {
    ($($ty:ty),*) => {$(
        impl Canonical for $ty {
            fn encode(&self, out: &mut Encoder) {
                out.uint(u64::from(*self));
            }
            fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
                Self::try_from(from.uint()?).map_err(|_| from.invalid("an integer out of range"))
            }
        }
    )*};
}
canonical_uint!(u8, u16, u32, u64);

impl Canonical for i64 {
    fn encode(&self, out: &mut Encoder) {
        out.uint(((*self << 1) ^ (*self >> 63)) as u64);
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let value = from.uint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }
}

impl Canonical for String {
    fn encode(&self, out: &mut Encoder) {
        out.bytes(self.as_bytes());
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        from.text().map(str::to_owned)
    }
}

impl<T: Canonical> Canonical for Vec<T> {
    fn encode(&self, out: &mut Encoder) {
        out.seq(self.iter());
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        from.seq()
    }
}

impl<T: Canonical> Canonical for Option<T> {
    fn encode(&self, out: &mut Encoder) {
        self.is_some().encode(out);
        if let Some(value) = self {
            value.encode(out);
        }
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(if bool::decode(from)? {
            Some(T::decode(from)?)
        } else {
            None
        })
    }
}

impl<T: Canonical> Canonical for Box<T> {
    fn encode(&self, out: &mut Encoder) {
        (**self).encode(out);
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        from.nested().map(Box::new)
    }
}

impl<T: Canonical> Canonical for std::collections::BTreeMap<String, T> {
    fn encode(&self, out: &mut Encoder) {
        out.uint(self.len() as u64);
        for (key, value) in self {
            key.encode(out);
            value.encode(out);
        }
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let pairs: Vec<(String, T)> = from.seq()?;
        if !pairs.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(from.invalid("a map that is not ascending"));
        }
        Ok(pairs.into_iter().collect())
    }
}

impl<A: Canonical, B: Canonical> Canonical for (A, B) {
    fn encode(&self, out: &mut Encoder) {
        self.0.encode(out);
        self.1.encode(out);
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok((A::decode(from)?, B::decode(from)?))
    }
}

/// Implements [`Canonical`] for a record: its fields in the order given.
macro_rules! canonical_record {
    ($name:ident { $($field:ident),* $(,)? }) => {
        impl $crate::canonical::Canonical for $name {
            fn encode(&self, out: &mut $crate::canonical::Encoder) {
                let Self { $($field),* } = self;
                $($crate::canonical::Canonical::encode($field, out);)*
            }
            fn decode(
                from: &mut $crate::canonical::Decoder<'_>,
            ) -> Result<Self, $crate::canonical::DecodeError> {
                Ok(Self { $($field: $crate::canonical::Canonical::decode(from)?),* })
            }
        }
    };
}

/// Implements [`Canonical`] for an enumeration: an ordinal for each variant, then its fields.
macro_rules! canonical_enum {
    ($name:ident { $($ordinal:literal = $variant:ident $(($($field:ident),*))?),* $(,)? }) => {
        impl $crate::canonical::Canonical for $name {
            fn encode(&self, out: &mut $crate::canonical::Encoder) {
                match self {
                    $(Self::$variant $(($($field),*))? => {
                        out.uint($ordinal);
                        $($($crate::canonical::Canonical::encode($field, out);)*)?
                    })*
                }
            }
            fn decode(
                from: &mut $crate::canonical::Decoder<'_>,
            ) -> Result<Self, $crate::canonical::DecodeError> {
                match from.uint()? {
                    $($ordinal => Ok(Self::$variant $(($({
                        let $field = $crate::canonical::Canonical::decode(from)?;
                        $field
                    }),*))?),)*
                    _ => Err(from.invalid(concat!("an unknown ordinal of ", stringify!($name)))),
                }
            }
        }
    };
}

/// Gives a record the document that the store keeps of it: its magic and version, then its encoding.
macro_rules! canonical_document {
    ($name:ident, $magic:expr, $version:literal) => {
        impl $name {
            /// The bytes that are kept: the document with its magic and version.
            pub fn to_document(&self) -> Vec<u8> {
                let mut out = $crate::canonical::Encoder::document($magic, $version);
                $crate::canonical::Canonical::encode(self, &mut out);
                out.finish()
            }

            /// Reads what `to_document` wrote.
            ///
            /// # Errors
            /// Any other bytes.
            pub fn from_document(bytes: &[u8]) -> Result<Self, $crate::canonical::DecodeError> {
                let mut from = $crate::canonical::Decoder::document(bytes, $magic, $version)?;
                let value = $crate::canonical::Canonical::decode(&mut from)?;
                from.finish()?;
                Ok(value)
            }
        }
    };
}

pub(crate) use {canonical_document, canonical_enum, canonical_record};
