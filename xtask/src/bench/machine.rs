//! What the machine is, as far as it bears on a measurement. What cannot be found out is `unknown`: nothing fails for it.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The machine and the moment.
#[derive(Debug)]
pub(crate) struct Machine {
    /// The day, by the machine's clock.
    pub(crate) date: String,
    /// How many processors there are for this process.
    pub(crate) processors: usize,
    /// What they call themselves.
    pub(crate) model: String,
    /// In bytes; 0 if unknown.
    pub(crate) memory: u64,
    /// The kernel's release.
    pub(crate) kernel: String,
    /// The file system that everything happens on.
    pub(crate) filesystem: String,
    /// How many processes wanted a processor in the last minute, before the bench began.
    pub(crate) load: String,
}

impl Machine {
    /// Looks at the machine; `folder` is where the work will be.
    pub(crate) fn look(folder: &Path) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let first_word = |text: String| text.split_whitespace().next().unwrap_or(UNKNOWN).to_owned();
        let day = Command::new("date").args(["-u", "+%F"]).output();
        Self {
            date: first_word(day.map_or_else(
                |_| String::new(),
                |output| String::from_utf8_lossy(&output.stdout).into_owned(),
            )),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            model: field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| UNKNOWN.to_owned()),
            memory: field(&read("/proc/meminfo"), "MemTotal")
                .and_then(|text| text.strip_suffix(" kB")?.parse::<u64>().ok())
                .map_or(0, |kilobytes| kilobytes * 1024),
            kernel: first_word(read("/proc/sys/kernel/osrelease")),
            filesystem: filesystem(&read("/proc/mounts"), folder).unwrap_or_else(|| UNKNOWN.to_owned()),
            load: first_word(read("/proc/loadavg")),
        }
    }
}

const UNKNOWN: &str = "unknown";

/// Returns what stands after `name:` in a file of the kernel.
fn field(text: &str, name: &str) -> Option<String> {
    let line = text
        .lines()
        .find(|line| line.split(':').next().map(str::trim) == Some(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// Returns the type of the file system that holds a folder: the innermost mount, and of those at one place the last.
fn filesystem(mounts: &str, folder: &Path) -> Option<String> {
    let rows = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.next()?))
    });
    let around = rows.filter(|(place, _)| folder.starts_with(place));
    around
        .max_by_key(|(place, _)| place.len())
        .map(|(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_mount_counts() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tmp/deep xfs rw 0 0\n";
        let kind = |folder: &str| filesystem(mounts, Path::new(folder));
        assert_eq!(kind("/home/x").as_deref(), Some("ext4"));
        assert_eq!(kind("/tmp/x").as_deref(), Some("tmpfs"));
        assert_eq!(kind("/tmp/deeper").as_deref(), Some("tmpfs"));
        assert_eq!(kind("/tmp/deep/er").as_deref(), Some("xfs"));
    }

    #[test]
    fn a_field_of_the_kernels_is_read_by_its_whole_name() {
        let text = "processor\t: 0\nmodel name\t: A: fast one\nmodel\t\t: 7\n";
        assert_eq!(field(text, "model name").as_deref(), Some("A: fast one"));
        assert_eq!(field(text, "name"), None);
    }
}
