//! How much of the disk is free. A case that needs more than there is is left out, and said to be; it never fills a disk.

use std::path::Path;
use std::process::Command;

/// Returns why a case that needs `bytes` on the disk of `folder` cannot run; none if it can, or if nobody knows.
pub(super) fn lacks(folder: &Path, bytes: u64) -> Option<String> {
    let output = Command::new("df").args(["-Pk"]).arg(folder).output().ok()?;
    let free = free(&String::from_utf8_lossy(&output.stdout))?;
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    (free < bytes).then(|| format!("it needs {:.0} GiB of disk, and {:.0} are free", gib(bytes), gib(free)))
}

/// Reads the fourth column of the last line, in kibibytes. The device's name in the first may hold spaces; no number follows one.
fn free(text: &str) -> Option<u64> {
    let mut words = text.lines().last()?.split_whitespace().rev();
    let kibibytes: u64 = words.nth(2)?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_free_is_read_from_the_line_of_the_file_system() {
        let text = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/my disk 1000 400 600 40% /\n";
        assert_eq!(free(text), Some(600 * 1024));
        assert_eq!(free("nonsense\n"), None);
    }
}
