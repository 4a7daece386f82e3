//! The part of BLAKE3's hash tree that is kept beside a large blob, so that each range can be checked as it is read.
//! Not here: where the bytes come from.
//!
//! A *group* is 16 KiB of content, a *segment* 64 groups (1 MiB); the last of each may be shorter. The outboard holds the
//! chaining value (32 bytes) of every group and of every segment. Both sizes are powers of two of BLAKE3's chunk, so a
//! group or segment is exactly a subtree of the hash: merging the values of the segments gives the blob's digest, and
//! merging those of a segment's groups gives the segment's value.

use airtight_model::BlobDigest;
use blake3::hazmat::{ChainingValue, HasherExt, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root};

/// Bytes of a group: the least that is read and checked at a time.
pub(crate) const GROUP: u64 = 16 << 10;
/// Bytes of a segment.
pub(crate) const SEGMENT: u64 = 1 << 20;
/// Groups of a full segment.
pub(crate) const GROUPS_IN_SEGMENT: u64 = SEGMENT / GROUP;

/// The chaining value of the group at `offset`.
pub(crate) fn group_value(offset: u64, bytes: &[u8]) -> ChainingValue {
    let mut hasher = blake3::Hasher::new();
    hasher.set_input_offset(offset);
    hasher.update(bytes);
    hasher.finalize_non_root()
}

/// The chaining values of the groups of content that begins at `offset`.
pub(crate) fn group_values(offset: u64, bytes: &[u8]) -> Vec<ChainingValue> {
    let groups = bytes.chunks(GROUP as usize).enumerate();
    groups
        .map(|(i, bytes)| group_value(offset + i as u64 * GROUP, bytes))
        .collect()
}

/// The value of a subtree of `len` bytes from those of its parts of `unit` bytes each.
pub(crate) fn merge(values: &[ChainingValue], len: u64, unit: u64) -> ChainingValue {
    match values {
        [one] => *one,
        values => {
            let (left, right) = halves(values, len, unit);
            merge_subtrees_non_root(&left, &right, Mode::Hash)
        }
    }
}

fn halves(values: &[ChainingValue], len: u64, unit: u64) -> (ChainingValue, ChainingValue) {
    let left_len = left_subtree_len(len);
    let (left, right) = values.split_at((left_len / unit) as usize);
    (merge(left, left_len, unit), merge(right, len - left_len, unit))
}

fn root(values: &[ChainingValue], len: u64, unit: u64) -> BlobDigest {
    let (left, right) = halves(values, len, unit);
    BlobDigest::from_bytes(*merge_subtrees_root(&left, &right, Mode::Hash).as_bytes())
}

/// The chaining values of a blob of more than one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outboard {
    /// Size of the content in bytes.
    pub(crate) len: u64,
    pub(crate) groups: Vec<ChainingValue>,
    pub(crate) segments: Vec<ChainingValue>,
}

/// How many groups and segments content of `len` bytes has.
pub(crate) fn counts(len: u64) -> (u64, u64) {
    (len.div_ceil(GROUP), len.div_ceil(SEGMENT))
}

/// The digest that the values of all segments give. For content of one segment its groups are needed: see
/// [`digest_of_groups`].
pub(crate) fn digest_of_segments(segments: &[ChainingValue], len: u64) -> BlobDigest {
    root(segments, len, SEGMENT)
}

/// The digest that the values of all groups (two at least) give.
pub(crate) fn digest_of_groups(groups: &[ChainingValue], len: u64) -> BlobDigest {
    root(groups, len, GROUP)
}

/// Hashes content from its beginning to its end, keeping the values of the groups. A full group waits in `partial` until
/// a byte follows it: it may be the last, and then the only one.
#[derive(Debug, Default, Clone)]
pub(crate) struct Builder {
    groups: Vec<ChainingValue>,
    partial: Vec<u8>,
}

impl Builder {
    /// How many bytes it was given.
    pub(crate) fn len(&self) -> u64 {
        self.groups.len() as u64 * GROUP + self.partial.len() as u64
    }

    /// Appends content.
    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        let group = GROUP as usize;
        while !bytes.is_empty() {
            if self.partial.len() == group {
                let offset = self.groups.len() as u64 * GROUP;
                self.groups.push(group_value(offset, &self.partial));
                self.partial.clear();
            }
            let offset = self.groups.len() as u64 * GROUP;
            if self.partial.is_empty() && bytes.len() > group {
                let (whole, rest) = bytes.split_at(group);
                self.groups.push(group_value(offset, whole));
                bytes = rest;
                continue;
            }
            let (part, rest) = bytes.split_at(bytes.len().min(group - self.partial.len()));
            self.partial.extend_from_slice(part);
            bytes = rest;
        }
    }

    /// The digest of what was given and, where it is more than a group, the outboard.
    pub(crate) fn finish(self) -> (BlobDigest, Option<Outboard>) {
        let len = self.len();
        if len <= GROUP {
            // A single group is the root, whose value is made otherwise. It is all in `partial`: see `update`.
            return (BlobDigest::of(&self.partial), None);
        }
        let mut groups = self.groups;
        if !self.partial.is_empty() {
            groups.push(group_value(len - self.partial.len() as u64, &self.partial));
        }
        let segments = groups
            .chunks(GROUPS_IN_SEGMENT as usize)
            .enumerate()
            .map(|(i, groups)| merge(groups, (len - i as u64 * SEGMENT).min(SEGMENT), GROUP))
            .collect();
        (digest_of_groups(&groups, len), Some(Outboard { len, groups, segments }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn content(len: usize) -> Vec<u8> {
        (0..len as u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect()
    }

    // The digest made of groups is the plain BLAKE3 at every edge of a group and of a segment, however the bytes come.
    #[test]
    fn the_builder_gives_the_plain_digest() {
        let group = GROUP as usize;
        let segment = SEGMENT as usize;
        for len in [
            0,
            1,
            group - 1,
            group,
            group + 1,
            3 * group,
            segment - 1,
            segment,
            segment + 1,
            3 * segment + 5,
        ] {
            let bytes = content(len);
            for step in [len.max(1), 1000, group, 70_001] {
                let mut builder = Builder::default();
                bytes.chunks(step).for_each(|part| builder.update(part));
                let (digest, outboard) = builder.finish();
                assert_eq!(digest, BlobDigest::of(&bytes), "{len} bytes in steps of {step}");
                assert_eq!(outboard.is_some(), len > group);
                if let Some(outboard) = outboard.filter(|outboard| outboard.segments.len() > 1) {
                    assert_eq!(digest_of_segments(&outboard.segments, outboard.len), digest);
                }
            }
        }
    }
}
