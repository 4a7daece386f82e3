//! Read sets: a step runs again only when something that it really read has changed. A test for each promise, by a guest that does
//! exactly the named operations. Not here: the law behind them, which is a property test of the sandbox.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use airtight_testkit::{TestEnv, preview1_module};

use crate::{cache, pipeline, run};

/// A step over a tree.
struct Reading {
    env: TestEnv,
}

/// What came of a change.
#[derive(Debug)]
struct After {
    /// How the cache answered.
    cache: String,
    /// What `explain` said before the step ran again.
    explanation: String,
}

impl Reading {
    /// A step that sees the tree at /src and does the operations.
    fn of(operations: &[&str]) -> Self {
        Self::with("mounts: { /src: tree }", operations)
    }

    /// A step with these keys that does the operations.
    fn with(keys: &str, operations: &[&str]) -> Self {
        let operations = serde_json::to_string(operations).unwrap();
        Self::step(
            &format!("uses: ./script.wasm, with: {{ ops: {operations} }}, {keys}"),
            &["script"],
        )
    }

    /// A preview-1 command over the tree at /src.
    fn preview1(operations: &[&str]) -> Self {
        let operations = serde_json::to_string(operations).unwrap();
        let reading = Self::new(
            &format!("uses: ./old.wasm, args: {operations}, mounts: {{ /src: tree }}"),
            &[],
        );
        reading.env.copy(&preview1_module("command"), "old.wasm");
        reading.first()
    }

    fn step(step: &str, guests: &[&str]) -> Self {
        Self::new(step, guests).first()
    }

    fn new(step: &str, guests: &[&str]) -> Self {
        let env = pipeline(
            guests,
            &format!("sources: {{ tree: {{ path: tree }} }}\nsteps:\n  s: {{ {step} }}\n"),
        );
        for (path, text) in [
            ("a.txt", "alpha\n"),
            ("b.txt", "beta\n"),
            ("folder/c.txt", "gamma\n"),
            ("folder/d.txt", "delta\n"),
            ("other/e.txt", "epsilon\n"),
        ] {
            env.write(&format!("tree/{path}"), text);
        }
        symlink("a.txt", env.project().join("tree/link")).unwrap();
        Self { env }
    }

    /// Runs for the first time.
    fn first(self) -> Self {
        assert_eq!(cache(&run(&self.env, 0), "s"), "miss");
        self
    }

    fn path(&self, path: &str) -> PathBuf {
        self.env.project().join("tree").join(path)
    }

    /// Changes the tree, asks for an explanation and runs again.
    #[track_caller]
    fn after(&self, change: impl FnOnce(&Self)) -> After {
        change(self);
        let explanation = self.env.run(&["explain", "s"]).expect(0).stdout;
        let after = After {
            cache: cache(&run(&self.env, 0), "s"),
            explanation,
        };
        // The two come from one traversal: they may never disagree.
        let said = match after.cache.as_str() {
            "full" => "would hit fully",
            "narrow" => "would hit narrowly",
            _ => "would run",
        };
        assert!(after.explanation.contains(said), "{after:#?}");
        after
    }

    #[track_caller]
    fn narrow_after(&self, change: impl FnOnce(&Self)) {
        let after = self.after(change);
        assert_eq!(after.cache, "narrow", "{}", after.explanation);
    }

    #[track_caller]
    fn miss_after(&self, naming: &str, change: impl FnOnce(&Self)) {
        let after = self.after(change);
        assert_eq!(after.cache, "miss", "{}", after.explanation);
        let reason = after.explanation.lines().next().unwrap();
        assert!(reason.contains(naming), "the reason does not name `{naming}`: {reason}");
    }

    fn write(&self, path: &str, text: &str) {
        self.env.write(&format!("tree/{path}"), text);
    }
}

fn retarget(link: &Path, target: &str) {
    fs::remove_file(link).unwrap();
    symlink(target, link).unwrap();
}

#[test]
fn a_change_to_a_file_that_was_never_read_is_a_narrow_hit() {
    Reading::of(&["read /src/a.txt"]).narrow_after(|it| it.write("b.txt", "other\n"));
}

#[test]
fn a_change_to_a_file_that_was_read_is_a_miss_and_explain_names_it() {
    let it = Reading::of(&["read /src/a.txt"]);
    it.miss_after("/src/a.txt", |it| it.write("a.txt", "other\n"));
    // Back again, the first result is still known.
    let after = it.after(|it| it.write("a.txt", "alpha\n"));
    assert_eq!(after.cache, "full");
}

// The same size and nearly the same time: only the content tells.
#[test]
fn a_change_of_the_same_size_at_once_is_a_miss() {
    let it = Reading::of(&["read /src/a.txt"]);
    for text in ["alphb\n", "alphc\n", "alphd\n"] {
        it.miss_after("/src/a.txt", |it| it.write("a.txt", text));
    }
}

#[test]
fn a_new_file_where_a_failed_open_looked_is_a_miss() {
    let it = Reading::of(&["read /src/folder/missing"]);
    it.miss_after("/src/folder/missing", |it| it.write("folder/missing", "here now\n"));
}

#[test]
fn a_new_file_beside_a_failed_open_is_a_narrow_hit() {
    Reading::of(&["read /src/folder/missing"]).narrow_after(|it| it.write("folder/another", "new\n"));
}

// The failed call answers otherwise: the parent was missing, now it is no folder.
#[test]
fn a_missing_parent_that_becomes_a_file_is_a_miss() {
    let it = Reading::of(&["read /src/no/such/file"]);
    it.miss_after("/src/no", |it| it.write("no", "a file\n"));
}

#[test]
fn a_followed_symlink_that_points_elsewhere_is_a_miss() {
    let it = Reading::of(&["read /src/link"]);
    it.miss_after("/src/link", |it| retarget(&it.path("link"), "b.txt"));
}

// The link's target is what was read, though the target has not changed.
#[test]
fn a_symlink_that_becomes_a_file_of_the_same_content_is_a_miss() {
    let it = Reading::of(&["read /src/link"]);
    it.miss_after("/src/link", |it| {
        fs::remove_file(it.path("link")).unwrap();
        it.write("link", "alpha\n");
    });
}

#[test]
fn a_change_behind_a_followed_symlink_is_a_miss_at_the_real_path() {
    let it = Reading::of(&["read /src/link"]);
    it.miss_after("/src/a.txt", |it| it.write("a.txt", "other\n"));
}

#[test]
fn a_new_entry_in_a_listed_directory_is_a_miss() {
    let it = Reading::of(&["list /src/folder"]);
    it.miss_after("/src/folder", |it| it.write("folder/new", "new\n"));
}

#[test]
fn a_new_entry_in_an_unlisted_directory_is_a_hit() {
    let it = Reading::of(&["list /src/folder", "read /src/other/e.txt"]);
    it.narrow_after(|it| it.write("other/new", "new\n"));
    it.narrow_after(|it| it.write("folder/c.txt", "what a listing does not show\n"));
}

#[test]
fn an_entry_that_goes_or_changes_its_kind_in_a_listed_directory_is_a_miss() {
    let it = Reading::of(&["list /src/folder"]);
    it.miss_after("/src/folder", |it| fs::remove_file(it.path("folder/d.txt")).unwrap());
    it.miss_after("/src/folder", |it| {
        fs::remove_file(it.path("folder/c.txt")).unwrap();
        fs::create_dir(it.path("folder/c.txt")).unwrap();
    });
}

// What find and ls do. Their readdir asks for the inode of each entry; that must not be taken for a read.
#[test]
fn a_preview_1_walk_does_not_read_what_it_does_not_open() {
    let it = Reading::preview1(&["walk /src", "read /src/a.txt"]);
    it.narrow_after(|it| it.write("folder/c.txt", "GAMMA\n"));
    it.miss_after("/src/folder/c.txt", |it| {
        it.write("folder/c.txt", "longer than before\n")
    });
}

#[test]
fn a_walk_by_a_component_does_not_read_what_it_does_not_open() {
    let it = Reading::of(&["walk /src"]);
    it.narrow_after(|it| it.write("folder/c.txt", "GAMMA\n"));
    it.miss_after("/src/folder", |it| it.write("folder/new", ""));
}

// What survives in an output is part of the result, read or not.
#[test]
fn a_change_to_a_file_that_survives_in_an_output_is_a_miss() {
    let keys = "mounts: { /work: { source: tree, writable: true } }, outputs: { all: /work }";
    let it = Reading::with(keys, &["write /work/new.txt text"]);
    it.miss_after("/work/b.txt", |it| it.write("b.txt", "other\n"));
    let listing = it.env.run(&["artifact", "cat", "s.all/b.txt"]).expect(0);
    assert_eq!(listing.stdout, "other\n");
}

#[test]
fn a_file_that_was_renamed_into_an_output_is_observed() {
    let keys = "mounts: { /work: { source: tree, writable: true } }, outputs: { one: /work/moved.txt }";
    let it = Reading::with(keys, &["rename /work/b.txt /work/moved.txt"]);
    it.narrow_after(|it| it.write("a.txt", "other\n"));
    it.miss_after("/work/b.txt", |it| it.write("b.txt", "other\n"));
}

#[test]
fn the_executable_bit_of_a_file_that_survives_is_observed_and_that_of_a_read_file_is_not() {
    let mark = |it: &Reading| fs::set_permissions(it.path("b.txt"), fs::Permissions::from_mode(0o755)).unwrap();
    Reading::of(&["read /src/b.txt"]).narrow_after(mark);
    let keys = "mounts: { /work: { source: tree, writable: true } }, outputs: { all: /work }";
    Reading::with(keys, &["read /work/a.txt"]).miss_after("/work", mark);
}

#[test]
fn a_change_on_a_private_copy_that_is_no_output_is_a_narrow_hit() {
    let keys = "mounts: { /work: { source: tree, writable: true } }";
    Reading::with(keys, &["append /work/a.txt more", "read /work/a.txt"]).narrow_after(|it| it.write("b.txt", "x\n"));
}

// Content counts, not times.
#[test]
fn a_touched_time_alone_is_a_full_hit() {
    let after = Reading::of(&["read /src/a.txt", "walk /src"]).after(|it| {
        let file = fs::File::options().write(true).open(it.path("a.txt")).unwrap();
        let long_ago = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        file.set_modified(long_ago).unwrap();
    });
    assert_eq!(after.cache, "full");
}

// A size is what `stat` shows; what is in the file is not.
#[test]
fn a_stat_reads_the_size_and_no_more() {
    let it = Reading::of(&["stat /src/a.txt"]);
    it.narrow_after(|it| it.write("a.txt", "ALPHA\n"));
    it.miss_after("/src/a.txt", |it| it.write("a.txt", "longer than before\n"));
}

#[test]
fn a_file_that_is_gone_is_a_miss() {
    let it = Reading::of(&["read /src/b.txt"]);
    it.miss_after("/src/b.txt", |it| fs::remove_file(it.path("b.txt")).unwrap());
}

// A mount with `paths:` holds the matching files only: the rest is not even given.
#[test]
fn a_change_outside_of_the_paths_of_a_mount_is_a_full_hit() {
    let keys = "mounts: { /src: { source: tree, paths: [ \"folder/*.txt\" ] } }";
    let it = Reading::with(keys, &["list /src", "list /src/folder", "read /src/folder/c.txt"]);
    assert_eq!(it.after(|it| it.write("a.txt", "other\n")).cache, "full");
    it.narrow_after(|it| it.write("folder/d.txt", "other\n"));
    it.miss_after("/src/folder", |it| it.write("folder/new.txt", "new\n"));
}

// A call that failed for what it found depends on that, whatever it was to do.
#[test]
fn a_mutation_that_failed_depends_on_why() {
    let keys = "mounts: { /work: { source: tree, writable: true } }";
    let it = Reading::with(keys, &["rmdir /work/folder", "rename /work/a.txt /work/other"]);
    it.narrow_after(|it| it.write("folder/c.txt", "other\n"));
    it.miss_after("/work/folder", |it| {
        fs::remove_dir_all(it.path("folder")).unwrap();
        fs::create_dir(it.path("folder")).unwrap();
    });
}

// What was removed and made anew has nothing of what it was.
#[test]
fn what_was_replaced_is_not_read() {
    let keys = "mounts: { /work: { source: tree, writable: true } }, outputs: { one: /work/a.txt }";
    let it = Reading::with(keys, &["rm /work/a.txt", "write /work/a.txt anew"]);
    it.narrow_after(|it| it.write("a.txt", "other, and longer\n"));
}

// The data edge: a step that reads one file of an output does not run again when another file of it has changed.
#[test]
fn a_later_step_reads_of_an_output_what_it_reads() {
    let text = "sources: { tree: { path: tree } }\nsteps:\n  \
        make: { uses: ./script.wasm, with: { ops: [ \"mkdir /out/d\", \"copy /src/a.txt /out/d/a.txt\", \"copy /src/b.txt /out/d/b.txt\" ] }, mounts: { /src: tree }, outputs: { d: /out/d } }\n  \
        use: { uses: ./script.wasm, with: { ops: [ \"read /d/a.txt\" ] }, mounts: { /d: make.d } }\n";
    let env = pipeline(&["script"], text);
    env.write("tree/a.txt", "alpha\n").write("tree/b.txt", "beta\n");
    run(&env, 0);
    env.write("tree/b.txt", "other\n");
    let second = run(&env, 0);
    assert_eq!(
        (cache(&second, "make").as_str(), cache(&second, "use").as_str()),
        ("miss", "narrow")
    );
    env.write("tree/a.txt", "other\n");
    let third = run(&env, 0);
    assert_eq!(
        (cache(&third, "make").as_str(), cache(&third, "use").as_str()),
        ("miss", "miss")
    );
}
