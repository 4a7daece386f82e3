//! The folders that contestants work in: pipelines with the build files that say the same, and files with contents that are the same
//! on every machine. Not here: who works in them, and how often.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;

use super::Bench;

/// How a pipeline of the bench begins.
const HEAD: &str = "airtight: 1\nname: bench\nsources:\n  files: { path: in }\nsteps:\n";

impl Bench<'_> {
    /// Makes a folder of a case, with the guest and a folder `in` for its source.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join("work").join(name);
        fs::create_dir_all(folder.join("in"))?;
        fs::copy(&self.guest, folder.join("command.wasm"))?;
        Ok(folder)
    }

    /// Removes what cases made: some of it is large.
    pub(crate) fn clear(&self) -> Result<()> {
        let work = self.folder.join("work");
        if work.exists() {
            fs::remove_dir_all(work)?;
        }
        Ok(())
    }

    /// Makes a project with `count` steps that copy a small file each, for everyone who can do that.
    pub(crate) fn copies(&self, name: &str, count: usize) -> Result<PathBuf> {
        let folder = self.folder(name)?;
        fs::create_dir_all(folder.join("out"))?;
        let mut pipeline = String::from(HEAD);
        let mut ninja = String::from("rule cp\n  command = cp $in $out\n");
        let (mut all, mut rules) = (String::from("all:"), String::new());
        for i in 0..count {
            write!(
                pipeline,
                "  s{i}:\n    uses: ./command.wasm\n    mounts: {{ /src: files }}\n    args: [ \"copy /src/{i}.txt /out/{i}.txt\" ]\n    \
                 outputs: {{ file: /out/{i}.txt }}\n"
            )?;
            writeln!(ninja, "build out/{i}.txt: cp in/{i}.txt")?;
            write!(all, " out/{i}.txt")?;
            writeln!(rules, "out/{i}.txt: in/{i}.txt\n\tcp in/{i}.txt out/{i}.txt")?;
        }
        fill(&folder, count, 0)?;
        fs::write(folder.join("airtight.yaml"), pipeline)?;
        fs::write(folder.join("build.ninja"), ninja)?;
        fs::write(folder.join("Makefile"), format!("{all}\n{rules}"))?;
        Ok(folder)
    }

    /// Writes a pipeline with one step that is given the whole source at `/src` and does one operation.
    pub(crate) fn one_step(&self, folder: &Path, operation: &str) -> Result<()> {
        let step =
            format!("  one:\n    uses: ./command.wasm\n    mounts: {{ /src: files }}\n    args: [ \"{operation}\" ]\n");
        Ok(fs::write(folder.join("airtight.yaml"), format!("{HEAD}{step}"))?)
    }
}

/// Gives the files of [`Bench::copies`] contents that no other turn had.
pub(crate) fn fill(folder: &Path, count: usize, turn: usize) -> Result<()> {
    for i in 0..count {
        fs::write(folder.join(format!("in/{i}.txt")), format!("turn {turn}, file {i}\n"))?;
    }
    Ok(())
}

/// Makes `count` files of about `size` bytes under `folder`, a hundred in each of its folders, all different.
pub(crate) fn tree(folder: &Path, count: usize, size: usize) -> Result<()> {
    let mut bytes = vec![0; size * 2];
    for i in 0..count {
        if i % 100 == 0 {
            fs::create_dir_all(folder.join(format!("d{}", i / 100)))?;
        }
        noise(i as u64).fill(&mut bytes);
        // From a hundredth of the double size to all of it: the mean is `size`.
        let length = (usize::from(bytes[0]) % 100 + 1) * bytes.len() / 101;
        fs::write(folder.join(format!("d{}/f{}.txt", i / 100, i % 100)), &bytes[..length])?;
    }
    settle(folder)
}

/// Makes one file of `size` bytes that nothing can compress.
pub(crate) fn blob(file: &Path, size: u64) -> Result<()> {
    let mut out = fs::File::create(file)?;
    let mut noise = noise(size);
    let mut bytes = vec![0; 1 << 20];
    let mut left = size;
    while left > 0 {
        noise.fill(&mut bytes);
        let length = left.min(bytes.len() as u64);
        out.write_all(&bytes[..usize::try_from(length)?])?;
        left -= length;
    }
    settle(file)
}

/// Waits until what was written is on the disk. A file system that still has gigabytes to write makes whoever next asks it to keep
/// something wait for all of them, which is nobody's own cost.
fn settle(place: &Path) -> Result<()> {
    let settled = Command::new("sync").arg("--file-system").arg(place).status();
    // Where there is no such program, results are a little wilder.
    drop(settled);
    Ok(())
}

fn noise(seed: u64) -> blake3::OutputReader {
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof()
}
