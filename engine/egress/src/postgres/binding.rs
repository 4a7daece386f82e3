//! What binds a login to the TLS connection that it is made over: `tls-server-end-point` (RFC 5929). Not here: trusting
//! the certificate, which TLS has done.

use ring::digest::{Algorithm, SHA256, SHA384, SHA512, digest};

/// `sha*WithRSAEncryption` and `md5WithRSAEncryption`, without the last part.
const RSA: [u8; 8] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
/// `ecdsa-with-SHA*`, without the last part.
const ECDSA: [u8; 7] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];
/// `ecdsa-with-SHA1`.
const ECDSA_SHA1: [u8; 7] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01];

/// The digest of a certificate by the algorithm that signed it; by SHA-256 where that is MD5 or SHA-1. None where the
/// RFC does not say which: for Ed25519 and others that sign without a digest.
pub(super) fn tls_server_end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let algorithm = by_signature(certificate)?;
    Some(digest(algorithm, certificate).as_ref().to_vec())
}

fn by_signature(certificate: &[u8]) -> Option<&'static Algorithm> {
    let (whole, _) = element(certificate, 0x30)?;
    let (_signed, rest) = element(whole, 0x30)?;
    let (algorithm, _) = element(rest, 0x30)?;
    let (oid, _) = element(algorithm, 0x06)?;
    if oid == ECDSA_SHA1 {
        return Some(&SHA256);
    }
    match (oid.strip_prefix(&RSA), oid.strip_prefix(&ECDSA)) {
        (Some([4 | 5 | 11]), _) | (_, Some([2])) => Some(&SHA256),
        (Some([12]), _) | (_, Some([3])) => Some(&SHA384),
        (Some([13]), _) | (_, Some([4])) => Some(&SHA512),
        _ => None,
    }
}

/// The content of the DER element that `bytes` begins with, if it is of that kind, and what follows it.
fn element(bytes: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (len, rest) = match *first {
        short @ 0..=0x7f => (usize::from(short), rest),
        long @ 0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            (digits.iter().fold(0, |len, digit| len << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    if *tag != kind {
        return None;
    }
    rest.split_at_checked(len)
}
