//! Bytes of the store, of native code and of what was exported altered at random between runs: bits flipped, ranges zeroed, files cut, lengthened, exchanged
//! and removed. Not here: alterations of one kind, each with its exact consequence (the store's suite, `hostile`).

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::dice::{Dice, rounds};
use crate::kill::wait_until;
use crate::lab::{FILES, Lab, Running, VARIANTS, files, reference};

/// Alters a file; says how.
fn alter(path: &Path, others: &[PathBuf], dice: &mut Dice) -> String {
    let len = fs::metadata(path).unwrap().len();
    let file = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let at = dice.below(len.max(1));
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let what = match dice.below(8) {
        0 => {
            file.set_len(at).unwrap();
            format!("cut to {at}")
        }
        1 => {
            let zeros = vec![0; dice.below(20_000).min(len - at.min(len)) as usize];
            file.write_all_at(&zeros, at).unwrap();
            format!("{} zeros at {at}", zeros.len())
        }
        2 => {
            let noise: Vec<u8> = (0..dice.below(5000)).map(|_| dice.next() as u8).collect();
            file.write_all_at(&noise, len).unwrap();
            format!("{} bytes longer", noise.len())
        }
        3 => {
            let other = dice.pick(others);
            fs::copy(other, path).unwrap();
            format!("exchanged for {}", other.display())
        }
        4 => {
            fs::remove_file(path).unwrap();
            "removed".to_owned()
        }
        _ => {
            let count = 1 + dice.below(5);
            for _ in 0..count {
                let at = dice.below(len.max(1));
                let mut byte = [0];
                if file.read_at(&mut byte, at).unwrap() == 1 {
                    file.write_all_at(&[byte[0] ^ (1 << dice.below(8))], at).unwrap();
                }
            }
            format!("{count} bits flipped")
        }
    };
    format!("{name}: {what}")
}

/// Alters one to four files of those that hold blobs, records, native code or what was exported.
fn alter_some(lab: &Lab, native: &Path, dice: &mut Dice) -> String {
    let mut said = Vec::new();
    for _ in 0..=dice.below(3) {
        let of_index = || -> Vec<PathBuf> {
            let all = files(lab.store()).into_iter();
            all.filter(|path| path.to_string_lossy().contains("index.db")).collect()
        };
        let found: Vec<PathBuf> = match dice.below(5) {
            0 => lab.stored("packs"),
            1 => lab.stored("objects"),
            2 => of_index(),
            3 => files(&lab.project("dist")),
            _ => {
                let all = files(native).into_iter();
                all.filter(|path| path.extension().is_some_and(|end| end == "bin"))
                    .collect()
            }
        };
        if !found.is_empty() {
            let path: &PathBuf = dice.pick(&found);
            said.push(alter(path, &found, dice));
        }
    }
    said.join(", ")
}

/// What is printed of an output is right as far as it goes, and whole when that is said.
#[track_caller]
fn assert_cat(lab: &Lab, variant: u64, what: &str) {
    for (output, exported) in FILES {
        let (code, printed) = lab.print(&mut lab.command(&["artifact", "cat", output]));
        let (_, content) = &reference(variant)[exported];
        let content = content.as_ref().unwrap();
        assert!(
            content.starts_with(&printed),
            "{what}: `artifact cat {output}` printed other bytes"
        );
        assert!(
            matches!(code, Some(0 | 2 | 3 | 4)),
            "{what}: `artifact cat {output}` ended with {code:?}"
        );
        assert!(
            code != Some(0) || printed == *content,
            "{what}: `artifact cat {output}` printed too little"
        );
    }
}

/// What is carried to another machine is right there.
#[track_caller]
fn assert_carried(lab: &Lab, elsewhere: &Lab, variant: u64, what: &str) {
    let archive = lab.env.root().join("archive");
    let to = archive.to_str().unwrap();
    let export = lab.finish(&mut lab.command(&["cache", "export", to]));
    assert!(matches!(export.code, Some(0 | 4)), "{what}: {}", export.text());
    if export.code == Some(0) {
        elsewhere.clear();
        elsewhere.fill(variant);
        let import = elsewhere.finish(&mut elsewhere.command(&["cache", "import", to]));
        assert_eq!(import.code, Some(0), "{what}: {}", import.text());
        elsewhere.assert_right(variant, &format!("{what}, carried elsewhere"));
        fs::remove_file(archive).unwrap();
    }
}

// Whatever is altered: a run makes again what is lost and exports what an undisturbed one does; what is printed and carried away is
// right or refused; and once it was looked at, the store is sound.
#[test]
fn whatever_is_altered_no_wrong_byte_is_served() {
    let mut dice = Dice::of_test("alter");
    let (lab, elsewhere) = (Lab::with_own_native_code(), Lab::new());
    let native = lab.env.root().join("state");
    let rounds = rounds(8, 100);
    let (mut verified, mut length) = (0, Duration::ZERO);
    let mut before = 0;
    for round in 0..rounds {
        if round == 0 || dice.once_in(12) {
            lab.clear();
            lab.fill(before);
            lab.assert_right(before, &format!("round {round}, before"));
        }
        // A log that is not taken over yet is there only when someone was killed.
        if length > Duration::ZERO && dice.once_in(2) {
            lab.fill(dice.below(VARIANTS));
            let running = Running::start(&mut lab.run_command());
            wait_until(Instant::now() + dice.part_of(length));
            running.kill();
            lab.fill(before);
            lab.assert_right(before, &format!("round {round}, after a kill"));
            lab.fill(dice.below(VARIANTS));
            let running = Running::start(&mut lab.run_command());
            wait_until(Instant::now() + dice.part_of(length));
            running.kill();
            lab.fill(before);
        }
        let what = format!("round {round}, {}", alter_some(&lab, &native, &mut dice));
        if dice.once_in(3) {
            assert_carried(&lab, &elsewhere, before, &what);
        }
        if dice.once_in(3) {
            let found = lab.finish(&mut lab.command(&["cache", "verify"]));
            assert!(matches!(found.code, Some(0 | 4)), "{what}: {}", found.text());
            verified += u64::from(found.code == Some(4));
            lab.assert_sound(&format!("{what}, verified before"));
        }
        let variant = dice.below(VARIANTS);
        lab.fill(variant);
        let began = Instant::now();
        lab.assert_right(variant, &what);
        length = began.elapsed();
        before = variant;
        assert_cat(&lab, variant, &what);
        if dice.once_in(3) {
            let found = lab.finish(&mut lab.command(&["cache", "verify"]));
            assert!(matches!(found.code, Some(0 | 4)), "{what}: {}", found.text());
            lab.assert_sound(&what);
            lab.assert_right(variant, &format!("{what}, verified"));
        }
    }
    eprintln!("alter: {rounds} rounds, {verified} times found by verify before a run");
}
